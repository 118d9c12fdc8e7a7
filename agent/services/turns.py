"""One at a time for each claim: the kubelet may ask again while its first question is still being answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ports.errors import Code, Failure


class Turns:
    """Locks by key that exist only while somebody holds or wants them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[str] = set()

    @contextmanager
    def turn(self, key: str, seconds: float) -> Iterator[None]:
        """Hold the key; DEADLINE when it does not become free in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: key not in self._busy, max(0.0, seconds)):
                raise Failure(Code.DEADLINE, f"claim {key}", "an earlier request for it is still running")
            self._busy.add(key)
        try:
            yield
        finally:
            with self._changed:
                self._busy.discard(key)
                self._changed.notify_all()
