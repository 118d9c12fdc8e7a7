"""Events for people, told aside: an API server that is slow or away must not hold up what an Event is about."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable

from ports.cluster import Notice
from ports.errors import Failure

log = logging.getLogger("knd.notices")
WAITING = 128


class Notices:
    """A short queue in front of the cluster. When it is full the newest notice goes only to the log."""

    def __init__(self, notify: Callable[[Notice], None]) -> None:
        self._notify = notify
        self._queue: queue.Queue[Notice | None] = queue.Queue(WAITING)

    def put(self, notice: Notice) -> None:
        """Take a notice over; never waits."""
        try:
            self._queue.put_nowait(notice)
        except queue.Full:
            log.warning("event dropped, too many are waiting: %s %s", notice.reason, notice.message)

    def run(self) -> None:
        """Tell them, one after the other, until stopped."""
        while (notice := self._queue.get()) is not None:
            try:
                self._notify(notice)
            except Failure as failure:
                log.info("event not recorded: %s", failure)
            except Exception:  # one that cannot be told must not cost those after it
                log.exception("a defect; not recorded: %s %s", notice.reason, ascii(notice.message))

    def stop(self) -> None:
        """End ``run``; what is still waiting is not told."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._queue.put_nowait(None)
                return
