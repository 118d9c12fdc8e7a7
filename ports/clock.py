"""Time as a port, so that tests move it instead of waiting for it.

Deadlines are absolute seconds of CLOCK_MONOTONIC, which all processes of one boot share (time namespaces apart, and
those are not used for node agents): a stepped wall clock neither expires nor revives a command. Spans and records for
people use the wall clock, in Unix nanoseconds.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The two clocks of this host and a way to wait."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC; comparable between processes of one boot."""
        ...

    def wall_ns(self) -> int:
        """Unix time in nanoseconds, for spans and status."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait at least so long."""
        ...
