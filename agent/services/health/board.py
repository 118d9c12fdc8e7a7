"""The newest report, for any number of streams that wait for the next one."""

from __future__ import annotations

import threading

from ports.health import DeviceHealth, HealthReport


class Board:
    """Implements ``ports.health.HealthReports``."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest = HealthReport(edition=0, devices=())

    def put(self, devices: tuple[DeviceHealth, ...]) -> None:
        """Show these from now on; the same again is no new edition."""
        with self._changed:
            if devices != self._newest.devices:
                self._newest = HealthReport(edition=self._newest.edition + 1, devices=devices)
                self._changed.notify_all()

    def report(self, after: int, timeout: float) -> HealthReport:
        """See ``HealthReports``."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest.edition > after, timeout)
            return self._newest
