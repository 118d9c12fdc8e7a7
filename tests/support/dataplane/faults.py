"""What can be made to go wrong with the fake dataplane, one verb at a time."""

from __future__ import annotations

from collections import defaultdict

from ports.clock import Clock
from ports.errors import Code, Failure


class Faults:
    """Failures before the work, delays before the work, and answers lost after it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, list[Failure]] = defaultdict(list)
        self._delays: dict[str, float] = {}
        self._lost: dict[str, int] = defaultdict(int)
        self.down = False

    def fail(self, verb: str, failure: Failure, times: int = 1) -> None:
        """Answer the next calls of this verb with the failure, nothing being done."""
        self._failures[verb] += [failure] * times

    def delay(self, verb: str, seconds: float) -> None:
        """Let each call of this verb take so long before it is looked at."""
        self._delays[verb] = seconds

    def lose_answers(self, verb: str, times: int = 1) -> None:
        """Carry the next calls of this verb out, and let the caller believe that nobody was there."""
        self._lost[verb] += times

    def heal(self) -> None:
        """Let everything work from now on."""
        self._failures.clear()
        self._delays.clear()
        self._lost.clear()
        self.down = False

    def before(self, verb: str) -> None:
        """Run ahead of the work."""
        if self.down:
            raise Failure(Code.UNAVAILABLE, "dataplane", "does not answer", "it is restarted by its supervisor")
        self._clock.sleep(self._delays.get(verb, 0.0))
        if self._failures[verb]:
            raise self._failures[verb].pop(0)

    def after(self, verb: str) -> None:
        """Run when the work is done."""
        if self._lost[verb] > 0:
            self._lost[verb] -= 1
            raise Failure(Code.DEADLINE, "dataplane", "no answer in time", "the call can be repeated")
