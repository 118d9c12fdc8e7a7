"""HTTP for answers that nobody may be held up by: every call ends in time, whatever name server or peer do.

The exchange runs in a thread of its own, which the caller leaves when the time is over; a request that was not sent by then
is not sent at all. No redirects (they could carry a token elsewhere), no proxies, no compression, a limit of size.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from adapters.cloud.address import Address
from adapters.cloud.credentials import Credentials
from ports.errors import Code, Failure

MAX_BODY = 1 << 20  # bytes
TOLD = 200  # characters of an error's text that are passed on
CODES = {400: Code.INVALID, 401: Code.REFUSED, 403: Code.REFUSED, 404: Code.NOT_FOUND, 409: Code.CONFLICT}
CODES |= {422: Code.INVALID, 501: Code.INVALID}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace").strip()

    def demand(self, subject: str) -> Answer:
        """Itself when it is good, else a Failure with the server's words."""
        if self.good:
            return self
        code = CODES.get(self.status, Code.UNAVAILABLE)
        words = "".join(char if char.isprintable() else " " for char in self.text)[:TOLD]
        raise Failure(code, subject, f"answered {self.status}{words and ': ' + words}")

    def json(self, subject: str) -> Any:
        """The body as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Failure(Code.INVALID, subject, f"answered no JSON: {str(error)[:TOLD]}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request; ``path`` comes after the address's own."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Client:
    """Requests to one server. Safe for many threads; each call has a connection of its own."""

    def __init__(self, address: Address, credentials: Credentials | None = None) -> None:
        self._address = address
        self._credentials = credentials or Credentials()

    def call(self, subject: str, request: Request, seconds: float) -> Answer:
        """The answer, whatever its status. UNAVAILABLE or DEADLINE when there is none; REFUSED without credentials."""
        headers = {"User-Agent": "knd", "Connection": "close", **request.headers, **self._credentials.headers()}
        connect = self._connection(seconds)
        exchange = _Exchange(connect, request, f"{self._address.prefix}{request.path}", headers)
        thread = threading.Thread(target=exchange.run, name="knd-http", daemon=True)
        thread.start()
        thread.join(max(0.0, seconds))
        if thread.is_alive():
            exchange.abandon()
            raise Failure(Code.DEADLINE, subject, f"no answer within {seconds:.1f} s")
        return exchange.result(subject)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        where = self._address
        if where.socket:
            return _UnixConnection(where.socket, seconds)
        if where.tls:
            context = self._credentials.context()
            return http.client.HTTPSConnection(where.host, where.port, timeout=seconds, context=context)
        return http.client.HTTPConnection(where.host, where.port, timeout=seconds)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Exchange:
    def __init__(
        self, connection: http.client.HTTPConnection, request: Request, path: str, headers: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._request = request
        self._path = path
        self._headers = headers
        self._lock = threading.Lock()
        self._abandoned = False
        self._answer: Answer | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._connection.connect()
            self._unless_abandoned(self._send)
            response = self._connection.getresponse()
            body = response.read(MAX_BODY + 1)
            if len(body) <= MAX_BODY and response.length:  # read() with a size takes an early end for the end
                raise http.client.IncompleteRead(body, response.length)
            headers = {name.lower(): value for name, value in response.getheaders()}
            self._answer = Answer(status=response.status, headers=headers, body=body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._error = error
        finally:
            self._connection.close()

    def abandon(self) -> None:
        """Nothing is sent from now on, and who waits for the socket waits no longer."""
        with self._lock:
            self._abandoned = True
            connected = self._connection.sock
        if connected is not None:
            with suppress(OSError):
                socket.socket.shutdown(
                    connected, socket.SHUT_RDWR
                )  # a TLS socket's own takes its state from the other thread

    def result(self, subject: str) -> Answer:
        if self._answer is None:
            raise _failure(subject, self._error) from self._error
        if len(self._answer.body) > MAX_BODY:
            raise Failure(Code.INVALID, subject, f"answered more than {MAX_BODY} bytes")
        return self._answer

    def _send(self) -> None:
        self._connection.request(self._request.method, self._path, body=self._request.body, headers=dict(self._headers))

    def _unless_abandoned(self, work: Callable[[], None]) -> None:
        with self._lock:
            gone = self._abandoned
        if gone:
            raise TimeoutError("too late")
        work()


def _failure(subject: str, error: Exception | None) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure(Code.DEADLINE, subject, "no answer in time")
    if isinstance(error, ssl.SSLError):
        return Failure(Code.UNAVAILABLE, subject, f"TLS: {error}", "is the CA file the right one?")
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Failure(Code.UNAVAILABLE, subject, f"cannot be reached: {words}"[:TOLD])
