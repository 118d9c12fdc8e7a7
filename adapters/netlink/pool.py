"""Sockets of one namespace for any number of threads: a request that hangs in the kernel holds its own socket only.

The kernel carries a request out inside ``send``, where no time limit reaches; with one socket for all, one device whose
driver does not return would keep every other device of the host waiting.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adapters.netlink.codec import Request
from adapters.netlink.socket import NetlinkSocket
from ports.errors import Code, Failure

IDLE = 4  # sockets kept for the next request


class SocketPool:
    """Speaks like one ``NetlinkSocket``; ``make`` makes another one in the namespace when all are at work."""

    def __init__(self, make: Callable[[], NetlinkSocket]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._idle = [make()]
        self._closed = False
        self.sent: Counter[tuple[int, bool]] = Counter()

    def change(self, request: Request, subject: str) -> None:
        """Carry a change out; returns when the kernel has done it."""
        with self._one(subject) as one:
            one.change(request, subject)

    def ask(self, request: Request, subject: str) -> bytes:
        """The one message that answers."""
        with self._one(subject) as one:
            return one.ask(request, subject)

    def look(self, request: Request, subject: str) -> bytes:
        """The message that answers, if any does."""
        with self._one(subject) as one:
            return one.look(request, subject)

    def dump(self, request: Request, subject: str) -> list[bytes]:
        """All objects of a kind, from one consistent pass."""
        with self._one(subject) as one:
            return one.dump(request, subject)

    def close(self) -> None:
        """Close the sockets; one at work is closed when its request ends. Repeatable."""
        with self._lock:
            self._closed = True
            for one in self._idle:
                one.close()

    @contextmanager
    def _one(self, subject: str) -> Iterator[NetlinkSocket]:
        one = self._taken(subject)
        try:
            yield one
        finally:
            self._returned(one)

    def _taken(self, subject: str) -> NetlinkSocket:
        with self._lock:
            if self._closed:
                raise Failure(Code.INTERNAL, subject, "the namespace was used after it was closed")
            if self._idle:
                return self._idle.pop()
        return self._make()

    def _returned(self, one: NetlinkSocket) -> None:
        with self._lock:
            self.sent.update(one.sent)
            one.sent.clear()
            if self._closed or len(self._idle) >= IDLE:
                one.close()
            else:
                self._idle.append(one)
