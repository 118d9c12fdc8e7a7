"""The HTTP server of ``--bind-address``: alive, ready (or what is missing), and numbers. Read-only, GET and HEAD only.

It serves people and probes on the node, by default on loopback. Each request has its own short-lived thread and a time
limit, so that a client that sends nothing holds nothing up.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ports.errors import Code, Failure

log = logging.getLogger("knd.health")
Problem = Callable[[], str]
PLAIN = "text/plain; charset=utf-8"
CLIENT_SECONDS = 5.0


class HealthServer:
    """Serves ``/healthz``, ``/readyz`` and ``/metrics``.

    ``parts`` maps each part's name to a function that says what is wrong with it; empty means that it is ready.
    """

    def __init__(
        self, address: str, parts: Mapping[str, Problem], metrics: Callable[[], bytes], metrics_type: str = PLAIN
    ) -> None:
        self._parts = dict(parts)
        self._metrics = metrics
        self._metrics_type = metrics_type
        self._server = self._bind(address)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is served; tells which one it became when 0 was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for one path."""
        match path.partition("?")[0]:
            case "/healthz":
                return HTTPStatus.OK, PLAIN, b"ok\n"
            case "/readyz":
                return self._ready()
            case "/metrics":
                return HTTPStatus.OK, self._metrics_type, self._metrics()
            case _:
                return HTTPStatus.NOT_FOUND, PLAIN, b"there are /healthz, /readyz and /metrics\n"

    def _ready(self) -> tuple[HTTPStatus, str, bytes]:
        problems = {name: problem() for name, problem in self._parts.items()}
        lines = [f"{name}: {problem or 'ready'}\n" for name, problem in problems.items()]
        status = HTTPStatus.SERVICE_UNAVAILABLE if any(problems.values()) else HTTPStatus.OK
        return status, PLAIN, "".join(lines).encode()

    def _bind(self, address: str) -> ThreadingHTTPServer:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return _server_class(family)((host, int(port)), _handler(self.answer))
        except OSError as error:
            text = error.strerror or str(error)
            raise Failure(Code.INVALID, f"--bind-address {address}", text, "choose a free address and port") from error


def _server_class(family: socket.AddressFamily) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = family
        daemon_threads = True

        def handle_error(self, _request: Any, client_address: Any) -> None:
            log.debug("request of %s failed", client_address, exc_info=True)

    return Server


def _handler(answer: Callable[[str], tuple[HTTPStatus, str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "knd"
        sys_version = ""
        timeout = CLIENT_SECONDS

        def do_GET(self) -> None:
            status, kind, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            log.debug(format, *args)

    return Handler
