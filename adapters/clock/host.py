"""The host's clocks behind the clock port: the only place where running code reads the time."""

from __future__ import annotations

import time


class HostClock:
    """CLOCK_MONOTONIC for deadlines, CLOCK_REALTIME for spans and status."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Unix time in nanoseconds."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Wait at least so long; not at all for zero or less."""
        if seconds > 0:
            time.sleep(seconds)
