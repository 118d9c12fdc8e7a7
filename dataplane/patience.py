"""Waiting for the kernel no longer than somebody waits for us.

A call into the kernel can hang (a driver that does not come back) and cannot be taken back or ended from here. So each
command works in a thread of its own, and whoever asked gets DEADLINE when it does not end in time. The thread keeps the
pod's lock: nobody else touches its devices until the kernel comes back, and then it undoes what it did. Everybody
else's pods go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ports.errors import Code, Failure

T = TypeVar("T")
GRACE = 1.0  # seconds beyond the deadline, for the command itself to see that its time is over and to undo
HINT = "see the kernel's log for the driver; it is undone when the kernel comes back"


@dataclass(slots=True)
class Work(Generic[T]):
    """One piece of work in a thread of its own."""

    act: Callable[[], T]
    _answers: list[T] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Work[T]:
        """Begin it. The thread is a daemon: one that hangs keeps no process from ending."""
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def result(self, seconds: float, subject: str) -> T:
        """What it answers; DEADLINE when that takes longer."""
        if not self._done.wait(seconds):
            raise Failure(Code.DEADLINE, subject, "the kernel has not come back", HINT)
        if self._errors:
            raise self._errors[0]
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self.act())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            self._errors.append(error)
        finally:
            self._done.set()


def within(seconds: float, subject: str, act: Callable[[], T]) -> T:
    """What ``act`` answers, waited for so long."""
    return Work(act).start().result(seconds + GRACE, subject)


def side_by_side(acts: Sequence[Callable[[], T]]) -> tuple[Work[T], ...]:
    """All of them at once; one that hangs keeps none of the others."""
    return tuple(Work(act).start() for act in acts)
