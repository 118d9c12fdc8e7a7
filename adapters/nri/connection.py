"""One NRI connection with its threads: a reader, and a worker for each request, behind one lock for all writing.

The reader only sorts; it never waits for a handler, so a hook that hangs stops nothing else. Only the reader closes the
descriptor: everybody else shuts the socket down, which wakes the reader, so that no thread writes to a reused number.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping

from adapters.nri import frames, mux, rpc
from adapters.nri.frames import Frame, FrameReader, Oversize
from adapters.nri.status import Closed, Refusal, Silence, Status, one_line

log = logging.getLogger("knd.nri")

Method = Callable[[rpc.Call], bytes]
Methods = Mapping[tuple[str, str], Method]
Admit = Callable[[mux.Piece, int], bool]

RECEIVE = 1 << 18
SEND_LIMIT = 2.0  # seconds a peer may leave its socket unread before it is given up


class Connection:
    """Serves ``methods`` on one channel and makes calls on the other, until either end closes.

    ``admit`` may turn a multiplexer frame away; it is told how many bytes its channel's message still misses.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        serves: int,
        calls: int,
        methods: Methods,
        label: str,
        admit: Admit = lambda _piece, _missing: True,
    ) -> None:
        self._sock = sock
        self._serves = serves
        self._calls = calls
        self._methods = methods
        self._label = label
        self._admit = admit
        self._lock = threading.Lock()
        self._readers = {serves: FrameReader(), calls: FrameReader()}
        self._incoming = rpc.Incoming()
        self._outgoing = rpc.Outgoing()
        self._why = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"{label}-reader", daemon=True)
        seconds, fraction = divmod(SEND_LIMIT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(seconds), int(fraction * 1e6)))

    @property
    def why(self) -> str:
        """Why the connection ended; empty while it lives."""
        return self._why

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        return self._closed.wait(timeout)

    def close(self, why: str) -> None:
        """End it. Calls that wait fail with ``Closed``, answers that come later are dropped. Repeatable, from any thread."""
        self._why = self._why or why
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def call(self, service: str, method: str, payload: bytes, timeout: float) -> bytes:
        """One call of the peer. ``Refusal`` is its answer or its silence, ``Closed`` the end of the connection."""
        with self._lock:
            if self._closed.is_set():
                raise Closed(self._why)
            stream, answer = self._outgoing.open()
            body = rpc.request(service, method, payload, timeout)
            try:
                self._write(self._calls, Frame(stream=stream, kind=frames.REQUEST, payload=body))
            except frames.TooLarge as error:
                self._outgoing.forget(stream)
                raise Refusal(Status.RESOURCE_EXHAUSTED, str(error)) from error
        try:
            return answer.result(timeout)
        except TimeoutError:
            with self._lock:
                self._outgoing.forget(stream)
            raise Silence(method, timeout) from None

    def _read(self) -> None:
        why = "failed"
        try:
            why = self._receive()
        except mux.Garbage as garbage:
            why = str(garbage)
        except OSError as error:
            why = one_line(str(error))
        finally:
            self._end(why)

    def _receive(self) -> str:
        demultiplexer = mux.Demultiplexer()
        while data := self._sock.recv(RECEIVE):
            received = time.monotonic()
            for piece in demultiplexer.feed(data):
                self._take(piece, received)
        return "closed by the peer"

    def _end(self, why: str) -> None:
        self.close(why)
        with self._lock:
            self._outgoing.close(self._why)
            self._sock.close()
            self._closed.set()

    def _take(self, piece: mux.Piece, received: float) -> None:
        """One multiplexer frame; those of channels that nobody serves are dropped, as Go does."""
        reader = self._readers.get(piece.channel)
        if reader is None or not self._admit(piece, reader.missing):
            return
        for frame in reader.feed(piece.payload):
            if piece.channel == self._calls:
                with self._lock:
                    self._outgoing.settle(frame)
            else:
                self._request(frame, received)

    def _request(self, frame: Frame | Oversize, received: float) -> None:
        call = self._incoming.take(frame, received)
        if isinstance(call, rpc.Rejected):
            self._answer(rpc.failure(call.stream, call.reason))
        elif call is not None:
            self._dispatch(call)

    def _dispatch(self, call: rpc.Call) -> None:
        method = self._methods.get((call.service, call.method))
        if method is None:
            known = any(service == call.service for service, _ in self._methods)
            what = f"method {call.method}" if known else f"service {call.service}"
            self._answer(rpc.failure(call.stream, Refusal(Status.UNIMPLEMENTED, what)))
            return
        name = f"{self._label}-{call.method}"
        threading.Thread(target=self._work, args=(method, call), name=name, daemon=True).start()

    def _work(self, method: Method, call: rpc.Call) -> None:
        try:
            answer = rpc.success(call.stream, method(call))
        except Refusal as reason:
            answer = rpc.failure(call.stream, reason)
        except Exception as error:
            log.exception("%s failed", call.method)
            answer = rpc.failure(call.stream, Refusal(Status.INTERNAL, f"{call.method}: internal error: {error}"))
        self._answer(answer)

    def _answer(self, frame: Frame) -> None:
        with contextlib.suppress(Closed), self._lock:
            try:
                self._write(self._serves, frame)
            except frames.TooLarge as error:
                self._write(self._serves, rpc.failure(frame.stream, Refusal(Status.RESOURCE_EXHAUSTED, str(error))))

    def _write(self, channel: int, frame: Frame) -> None:
        if self._why:
            raise Closed(self._why)
        try:
            self._sock.sendall(mux.split(channel, frames.encode(frame)))
        except OSError as error:
            self.close(one_line(f"cannot send: {error}"))
            raise Closed(self._why) from error
