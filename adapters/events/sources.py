"""Waits for all of the kernel's voices at once, and for whoever wants to end the waiting."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence

from ports.discovery import EventSource
from ports.touched import NOTHING, Touched


class Sources:
    """Implements ``ports.discovery.Changes`` over these sources, which it owns."""

    def __init__(self, sources: Sequence[EventSource]) -> None:
        self._sources = {source.fileno(): source for source in sources}
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        for descriptor in (*self._sources, self._wake):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, timeout: float) -> Touched:
        """What was touched since the last call; also returns after ``wake``."""
        ready = {descriptor for descriptor, _ in self._poll.poll(max(0.0, timeout) * 1000)}
        if self._wake in ready:
            os.eventfd_read(self._wake)
        touched = NOTHING
        for descriptor in self._sources.keys() & ready:
            touched |= self._sources[descriptor].read()
        return touched

    def wake(self) -> None:
        """End a ``wait``; from any thread or signal handler."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give all descriptors up."""
        for source in self._sources.values():
            source.close()
        os.close(self._wake)
