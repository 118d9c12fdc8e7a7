"""The promise to answer in time: a hook runs beside its request, and the request does not wait for it longer than it may.

A runtime that gets no answer within its limit drops the plugin and lets the pod run without its devices (recorded with
containerd 2.1.9). So each hook has its own thread and is left behind when its time is up; what it returns later is
dropped. How many may be left behind is bounded: beyond that no hook is started until one ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

log = logging.getLogger("knd.nri")

T = TypeVar("T")

MOST = 64
MARGIN = 0.4  # seconds between a hook's deadline and the runtime's limit, of which the last half is for the answer


class Overrun(Exception):
    """The hook has not ended in time, or could not even be started."""


def hook_deadline(received: float, limit: float) -> float:
    """When a hook should have ended by itself, so that it can still say why it failed."""
    return received + limit - _margin(limit)


def answer_by(received: float, limit: float) -> float:
    """When the answer is sent, whether or not the hook has ended."""
    return received + limit - _margin(limit) / 2


def _margin(limit: float) -> float:
    return min(MARGIN, limit / 4)


class Guard:
    """Runs hooks beside their requests."""

    def __init__(self, most: int = MOST) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._most = most

    def run(self, name: str, work: Callable[[], T], until: float) -> T:
        """What ``work`` returns or raises, or ``Overrun`` at ``until`` (CLOCK_MONOTONIC)."""
        if not self._free.acquire(blocking=False):
            raise Overrun(f"{self._most} earlier calls have not ended")
        outcome: Future[T] = Future()
        thread = threading.Thread(target=self._work, args=(name, work, outcome, until), name=f"knd-{name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread for us
            self._free.release()
            raise Overrun(str(error)) from error
        try:
            return outcome.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            if outcome.done():
                return outcome.result()
            raise Overrun("it has not ended in time") from None

    def _work(self, name: str, work: Callable[[], T], outcome: Future[T], until: float) -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over, and raised where the hook was called
            outcome.set_exception(error)
        finally:
            self._free.release()
        late = time.monotonic() - until
        if late > 0:
            log.warning("%s ended %.1f s after its answer was due; its result is dropped", name, late)
