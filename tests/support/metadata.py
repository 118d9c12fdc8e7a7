"""A metadata server or webhook on the loopback: answers as a test arranges them, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer; ``needs`` are headers without which the request gets 403."""

    body: bytes | str | Mapping[str, Any] | list[Any] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Answering = Reply | Callable[[Asked], Reply]


class FakeServer:
    """``replies`` is by path with its query; a callable is asked anew each time. Unknown paths get 404."""

    def __init__(self, replies: Mapping[str, Answering] | None = None) -> None:
        self.replies: dict[str, Answering] = dict(replies or {})
        self.asked: list[Asked] = []
        self.going = threading.Event()  # requests wait while it is not set
        self.going.set()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        self.going.wait(60)
        found = self.replies.get(asked.path, Reply(status=404, body="not found"))
        reply = found if isinstance(found, Reply) else found(asked)
        lower = {name.lower(): value for name, value in asked.headers.items()}
        allowed = all(lower.get(name.lower()) == value for name, value in reply.needs.items())
        return reply if allowed else Reply(status=403, body="a header is missing")

    def paths(self) -> list[str]:
        return [asked.path for asked in list(self.asked)]

    @contextmanager
    def serving(self, address: str = "127.0.0.1", port: int = 0, certificate: str = "") -> Iterator[str]:
        """Its URL while it serves there; by TLS with the certificate (and key) of that file."""
        server = ThreadingHTTPServer((address, port), _handler(self))
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        with _running(server):
            yield f"{'https' if certificate else 'http'}://{address}:{server.server_address[1]}"
        self.going.set()

    @contextmanager
    def on_socket(self, path: str) -> Iterator[str]:
        """The same on a Unix socket."""
        with _running(_UnixServer(path, _handler(self))):
            yield f"unix://{path}"
        self.going.set()


class _UnixServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True

    def __init__(self, path: str, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(path, handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)

    def get_request(self) -> tuple[socket.socket, Any]:
        return self.socket.accept()[0], ("unix", 0)


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that says what it likes: ``talk`` gets each connection after its first bytes have come."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            talk(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            reply = fake.answer(
                Asked(method=self.command, path=self.path, headers=dict(self.headers.items()), body=body)
            )
            data = _data(reply.body)
            with suppress(OSError):  # who asked may have gone
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815 - as the base class has it

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    return Handler


def _data(body: bytes | str | Mapping[str, Any] | list[Any]) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
