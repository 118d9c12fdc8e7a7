"""How a loop is woken, and how it is ended: at once, whatever it waits for."""

from __future__ import annotations

import threading


class Bell:
    """One loop waits, anybody rings. Rings while nobody waits are not lost, several count as one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the loop has to end."""
        return self._closed

    def ring(self) -> None:
        """Wake the loop."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the loop: every wait returns at once from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a ring (and take it), the end, or so many seconds. True when it rang."""
        with self._changed:
            self._changed.wait_for(lambda: self._rung or self._closed, seconds)
            rung, self._rung = self._rung, False
            return rung and not self._closed

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, rings or not; less only when it ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
