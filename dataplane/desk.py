"""What both halves of the worker share: the ledger's records under their pods' locks, time limits, repeated commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from dataplane.answers import Answers
from dataplane.locks import PodLocks
from dataplane.patience import within
from ports.clock import Clock
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.ledger import Ledger, PodRecord
from ports.plan import Plan

T = TypeVar("T")
LONGEST_WAIT = 3600.0  # seconds; a lock takes no infinite time-out


class Desk:
    """One for both halves, so that they exclude each other."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self._clock = clock
        self._answers = Answers()
        self._locks = PodLocks()

    @contextmanager
    def pod(self, pod_uid: str, call: Call) -> Iterator[PodRecord | None]:
        """The pod's record, with nobody else at work on that pod."""
        with self._locks.hold(pod_uid, self.left(f"pod {pod_uid}", call)):
            self.check_time(f"pod {pod_uid}", call)
            yield self.ledger.read(pod_uid)

    def holder(self, claim_uid: str) -> PodRecord | None:
        """The record that holds this claim."""
        return next((record for record in self.ledger.records() if plan_of(record, claim_uid)), None)

    def once(self, call: Call, request: object, work: Callable[[], T]) -> T:
        """What ``work`` answers; for a repeated call what it answered the first time."""
        return self._answers.once(call.key, request, self.left(f"command {call.key}", call), work)

    def patiently(self, subject: str, call: Call, work: Callable[[], T]) -> T:
        """What ``work`` answers, as long as the call has time; work that hangs goes on without anybody waiting."""
        return within(self.left(subject, call), subject, work)

    def call(self, seconds: float) -> Call:
        """A command of our own with so much time."""
        return Call(key="", deadline=self._clock.monotonic() + seconds)

    def sooner(self, call: Call, seconds: float) -> Call:
        """The same command with at most so much time."""
        return replace(call, deadline=min(call.deadline, self._clock.monotonic() + seconds))

    def left(self, subject: str, call: Call) -> float:
        """Seconds until the call's deadline; DEADLINE when there are none."""
        self.check_time(subject, call)
        return min(call.deadline - self._clock.monotonic(), LONGEST_WAIT)

    def check_time(self, subject: str, call: Call) -> None:
        """DEADLINE when the call's time has passed."""
        if not self._clock.monotonic() < call.deadline:  # also true of a deadline that is no number
            raise Failure(Code.DEADLINE, subject, "its time has passed", "send it again with a later deadline")


def plan_of(record: PodRecord, claim_uid: str) -> Plan | None:
    """The claim's plan in this record."""
    return next((plan for plan in record.plans if plan.claim.uid == claim_uid), None)
