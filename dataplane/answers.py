"""Answers remembered by idempotency key: a command that is sent again after a lost answer is carried out once.

The state on disk makes each command repeatable by itself; what it cannot see is a repeat that arrives after something
else has happened in between (attach, detach, attach again). Failures are not remembered: they left nothing behind.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from ports.errors import Code, Failure

T = TypeVar("T")
REMEMBERED = 1024


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False
    answer: Any = None


class Answers:
    """The newest answers; the oldest are forgotten first."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, key: str, request: object, seconds: float, work: Callable[[], T]) -> T:
        """What ``work`` answers, or answered under this key before; waits at most ``seconds`` for one under way."""
        if not key:
            return work()
        entry = self._entry(key, request)
        if not entry.lock.acquire(timeout=seconds):
            raise Failure(Code.DEADLINE, f"command {key}", "is still being carried out", "send it again")
        try:
            if not entry.done:
                entry.answer = work()
                entry.done = True
            return cast(T, entry.answer)
        finally:
            entry.lock.release()

    def _entry(self, key: str, request: object) -> _Entry:
        fingerprint = hashlib.sha256(repr(request).encode(errors="surrogatepass")).digest()  # a plan can be large
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(fingerprint))
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
        if entry.fingerprint != fingerprint:
            raise Failure(Code.INVALID, f"command {key}", "the same key was used for another command", "use fresh keys")
        return entry
