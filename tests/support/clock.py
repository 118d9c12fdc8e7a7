"""A clock that tests move: waiting takes no time, it only makes it later."""

from __future__ import annotations

import threading


class FakeClock:
    """Both clocks of the port, standing still unless somebody sleeps or a test advances them."""

    def __init__(self, monotonic: float = 1000.0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        with self._lock:
            return self._monotonic

    def wall_ns(self) -> int:
        """Unix time in nanoseconds; it moves together with the other clock."""
        with self._lock:
            return self._wall_ns

    def sleep(self, seconds: float) -> None:
        """Make it later by so much."""
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        with self._lock:
            self._monotonic += seconds
            self._wall_ns += round(seconds * 1_000_000_000)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP or a person does; deadlines must not notice."""
        with self._lock:
            self._wall_ns += round(seconds * 1_000_000_000)
