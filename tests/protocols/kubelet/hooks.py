"""Hooks whose answers a test sets, and which remember what they were asked."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ports.inbound import Prepared, PreparedDevice
from ports.plan import ClaimRef

Answer = Callable[[ClaimRef], Prepared | None]


def one_device(claim: ClaimRef) -> Prepared:
    """One device of one request, as most claims have it."""
    return Prepared(claim=claim, devices=(PreparedDevice(request="nic", pool="node1", device="eth1"),))


class RecordingHooks:
    """``ports.inbound.ResourceHooks``; ``answer`` and ``unanswer`` may leave a claim out by returning None, or raise."""

    def __init__(self, answer: Answer = one_device) -> None:
        self.answer = answer
        self.unanswer: Answer = lambda claim: Prepared(claim=claim)
        self.asked: list[tuple[str, tuple[ClaimRef, ...], float]] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        return self._called("prepare", claims, deadline, self.answer)

    def unprepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        return self._called("unprepare", claims, deadline, self.unanswer)

    def _called(self, name: str, claims: tuple[ClaimRef, ...], deadline: float, answer: Answer) -> tuple[Prepared, ...]:
        self.asked.append((name, claims, deadline))
        self.entered.set()
        self.gate.wait(30)
        answers = [answer(claim) for claim in claims]
        return tuple(made for made in answers if made is not None)


def claim(number: int = 1) -> ClaimRef:
    """A claim like no other of another number."""
    return ClaimRef(namespace="default", name=f"claim-{number}", uid=f"uid-{number}")
