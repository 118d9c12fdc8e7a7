"""How fast the watcher may be: soon after an event, and never at more than half a processor.

Events come in bursts (a link that appears is several), so a look waits a moment for the rest. While a storm lasts, events
are read a bounded number at a time with a rest in between, and after each look comes a pause of twice its length.
"""

from __future__ import annotations

from collections.abc import Callable

from ports.clock import Clock
from ports.discovery import Changes
from ports.touched import Touched

GATHER = 0.05  # seconds; events of one cause follow each other within a few milliseconds
LONGEST = 5.0  # seconds; a kernel that hangs is no reason to wait for minutes afterwards
BREATH = 0.01  # seconds between two readings


class Pace:
    """Gathers events, for as long as the last look requires."""

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self._gather = GATHER

    @property
    def pause(self) -> float:
        """Seconds to rest now."""
        return self._gather

    def gather(self, touched: Touched) -> Touched:
        """This and what else is touched meanwhile."""
        end = self._clock.monotonic() + self._gather
        while (left := end - self._clock.monotonic()) > 0:
            self._clock.sleep(min(BREATH, left))
            touched |= self._changes.wait(max(0.0, end - self._clock.monotonic()))
        return touched

    def timed(self, look: Callable[[], None]) -> None:
        """Carry a look out; the next one waits accordingly, also if it fails."""
        start = self._clock.monotonic()
        try:
            look()
        finally:
            self._gather = min(max(GATHER, 2 * (self._clock.monotonic() - start)), LONGEST)
