"""Idempotency: a command that is sent again with its key gets the first one's answer and is not carried out twice.

Decides only, no threads and no I/O. Successes are remembered until the command's own deadline, after which a repetition
is refused as late anyway. Failures are not remembered: they left nothing behind, so trying again is what the repetition
is for. Bounded in number and bytes; the oldest answers are forgotten first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adapters.bus.envelope import Request
from ports.errors import Code, Failure

W = TypeVar("W")
MAX_WAITERS = 64


@dataclass(kw_only=True, slots=True)
class _Entry(Generic[W]):
    fingerprint: bytes
    deadline: float
    waiters: list[W] = field(default_factory=list)
    answer: bytes | None = None


class Replays(Generic[W]):
    """The commands in flight with those who wait for them, and the recent answers. For one thread."""

    def __init__(self, *, max_answers: int = 1024, max_bytes: int = 8 << 20) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry[W]] = OrderedDict()
        self._answered = 0
        self._bytes = 0
        self._max_answers = max_answers
        self._max_bytes = max_bytes

    def known(self, request: Request, waiter: W, now: float) -> tuple[bool, bytes | None]:
        """Whether this is a repetition, and its answer if there is one yet; otherwise the waiter waits with the first.

        INVALID: the key was used for another payload. UNAVAILABLE: too many wait for this answer.
        """
        entry = self._entries.get((request.verb, request.key))
        if entry is None or (entry.answer is not None and entry.deadline <= now):
            return False, None
        if entry.fingerprint != _fingerprint(request):
            raise Failure(Code.INVALID, f"key {request.key!r}", "was used for another command", "use a fresh key")
        if entry.answer is None:
            if len(entry.waiters) >= MAX_WAITERS:
                raise Failure(Code.UNAVAILABLE, f"key {request.key!r}", "too many wait for this answer", "try later")
            entry.waiters.append(waiter)
        return True, entry.answer

    def begin(self, request: Request, waiter: W) -> None:
        """Note a command that is carried out from now on."""
        self._drop((request.verb, request.key))
        entry = _Entry(fingerprint=_fingerprint(request), deadline=request.deadline, waiters=[waiter])
        self._entries[(request.verb, request.key)] = entry

    def settle(self, request: Request, answer: bytes | None) -> list[W]:
        """Note the answer (None: it failed); those who wait for it."""
        token = (request.verb, request.key)
        entry = self._entries.pop(token)
        waiters, entry.waiters = entry.waiters, []
        if answer is not None:
            entry.answer = answer
            self._entries[token] = entry
            self._answered += 1
            self._bytes += len(answer)
            self._forget_oldest()
        return waiters

    def _forget_oldest(self) -> None:
        while self._answered > self._max_answers or self._bytes > self._max_bytes:
            self._drop(next(token for token, entry in self._entries.items() if entry.answer is not None))

    def _drop(self, token: tuple[str, str]) -> None:
        entry = self._entries.pop(token, None)
        if entry is not None and entry.answer is not None:
            self._answered -= 1
            self._bytes -= len(entry.answer)


def _fingerprint(request: Request) -> bytes:
    return hashlib.blake2b(request.payload, digest_size=16).digest()
