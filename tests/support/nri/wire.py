"""The runtime's end of a connection by script: a test writes and reads the very frames, in any order and shape."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from google.protobuf.message import Message

from adapters.nri import frames, mux, names
from adapters.nri.frames import Frame, FrameReader
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.pb import ttrpc_pb2 as ttrpc

PATIENCE = 10.0


class Wire:
    """One accepted connection. ``lengths`` are the multiplexer frames received so far, as (channel, bytes)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.lengths: list[tuple[int, int]] = []
        self._demultiplexer = mux.Demultiplexer()
        self._readers = {1: FrameReader(), 2: FrameReader()}
        self._received: list[tuple[int, Frame]] = []
        self._stream = -1
        sock.settimeout(PATIENCE)

    def send(self, channel: int, frame: Frame) -> None:
        """One message, framed as Go does it."""
        self.sock.sendall(mux.split(channel, frames.encode(frame)))

    def receive(self) -> tuple[int, Frame]:
        """The next message of the plugin with its channel. EOFError when there is none any more."""
        while not self._received:
            data = self.sock.recv(1 << 16)
            if not data:
                raise EOFError
            for piece in self._demultiplexer.feed(data):
                self.lengths.append((piece.channel, len(piece.payload)))
                for frame in self._readers[piece.channel].feed(piece.payload):
                    assert isinstance(frame, Frame)
                    self._received.append((piece.channel, frame))
        return self._received.pop(0)

    def ask(self, method: str, message: Message, service: str = names.PLUGIN_SERVICE, timeout: float = 2.0) -> int:
        """Send a request of the runtime; its stream."""
        self._stream += 2
        request = ttrpc.Request(
            service=service, method=method, payload=message.SerializeToString(), timeout_nano=int(timeout * 1e9)
        )
        self.send(1, Frame(stream=self._stream, kind=frames.REQUEST, payload=request.SerializeToString()))
        return self._stream

    def answer(self, stream: int) -> ttrpc.Response:
        """The plugin's answer to that stream, which has to be the next message."""
        channel, frame = self.receive()
        assert (channel, frame.stream, frame.kind) == (1, stream, frames.RESPONSE)
        return ttrpc.Response.FromString(frame.payload)

    def call(self, method: str, message: Message, service: str = names.PLUGIN_SERVICE) -> ttrpc.Response:
        """Ask and wait."""
        return self.answer(self.ask(method, message, service))

    def registration(self) -> nri.RegisterPluginRequest:
        """The plugin's first message."""
        channel, frame = self.receive()
        assert (channel, frame.stream, frame.kind, frame.flags) == (2, 1, frames.REQUEST, 0)
        request = ttrpc.Request.FromString(frame.payload)
        assert (request.service, request.method) == (names.RUNTIME_SERVICE, "RegisterPlugin")
        return nri.RegisterPluginRequest.FromString(request.payload)

    def accept_registration(self) -> None:
        """Success, which is a frame without a payload."""
        self.send(2, Frame(stream=1, kind=frames.RESPONSE))

    def connect(self, request_timeout_ms: int = 2000) -> None:
        """The whole handshake, with no pods."""
        self.registration()
        self.accept_registration()
        self.call("Configure", nri.ConfigureRequest(runtime_name="containerd", request_timeout=request_timeout_ms))
        self.call("Synchronize", nri.SynchronizeRequest())


class Listener:
    """The socket that the plugin dials."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        self._socket.settimeout(PATIENCE)

    @contextmanager
    def accept(self) -> Iterator[Wire]:
        """The next connection, closed at the end of the block."""
        sock = self._socket.accept()[0]
        try:
            yield Wire(sock)
        finally:
            sock.close()

    def waiting(self) -> int:
        """How many connections nobody has accepted; they are closed."""
        self._socket.setblocking(False)
        count = 0
        with suppress(BlockingIOError):
            while True:
                self._socket.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        """No more connections."""
        self._socket.close()


def eventually(condition: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Whether the condition comes true while a patient reader waits."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
