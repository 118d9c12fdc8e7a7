"""A small verb of the tests' own, a server of it, and a raw way to send any frames."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgpack
import zmq

from adapters.bus.envelope import MAX_REPLY, Reply, unpack
from adapters.bus.server import Server
from adapters.bus.verbs import Verb
from ports.dataplane import Call
from ports.errors import Failure

_keys = itertools.count()


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """Question and answer of ``echo``."""

    text: str


ECHO = Verb(name="echo", asks=Word, answers=Word)


def call(seconds: float = 10.0, key: str = "") -> Call:
    """A call with a key of its own and so much time left."""
    return Call(key=key or f"key-{next(_keys)}", deadline=time.monotonic() + seconds)


class Handler:
    """Carries ``echo`` out; counts, and can be made to wait or fail."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.fails: list[Exception] = []

    def __call__(self, word: Word, call: Call) -> Word:
        self.calls.append(call)
        self.entered.release()
        assert self.gate.wait(20), "the test never opened the gate"
        if self.fails:
            raise self.fails.pop()
        return word


@contextmanager
def serving(path: str, handler: Handler, **settings: Any) -> Iterator[Server]:
    """A started server of ``echo``, stopped at the end."""
    server = Server(path, (ECHO.served_by(handler),), **settings)
    server.start()
    try:
        yield server
    finally:
        handler.gate.set()
        server.stop()


class Raw:
    """A connection that sends whatever it is told to."""

    def __init__(self, path: str) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"ipc://{path}")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Send one message."""
        self._socket.send_multipart(frames)

    def reply(self, seconds: float = 10.0) -> Reply:
        """The next reply; fails the test when none comes."""
        assert self._socket.poll(int(seconds * 1000)), "no reply"
        return unpack(Reply, self._socket.recv(), "reply", MAX_REPLY)

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        return not self._socket.poll(int(seconds * 1000))

    def failure(self, *frames: bytes) -> Failure:
        """The failure these frames are answered with."""
        self.send(*frames)
        error = self.reply().error
        assert error is not None
        return error.failure


def envelope(**changes: Any) -> bytes:
    """A good request for ``echo``, with changes (``...`` leaves a key out)."""
    good = {
        "v": 1,
        "verb": "echo",
        "id": "id-1",
        "key": f"raw-{next(_keys)}",
        "deadline": time.monotonic() + 3600,
        "traceparent": "",
        "payload": msgpack.packb({"text": "hello"}),
    }
    data: bytes = msgpack.packb({key: value for key, value in (good | changes).items() if value is not ...})
    return data
