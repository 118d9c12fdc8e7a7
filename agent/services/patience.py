"""Trying again inside a deadline, because the kubelet asks again only after more than a minute."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from ports.clock import Clock
from ports.errors import Code, Failure

log = logging.getLogger("knd.patience")
T = TypeVar("T")
PAUSE = 0.25  # seconds
AWAY = frozenset({Code.UNAVAILABLE, Code.DEADLINE})
PASSING = AWAY | {Code.CONFLICT, Code.NOT_FOUND}


class Patience:
    """Tries again what can pass by itself, until the process ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended = False

    def end(self) -> None:
        """Try nothing again from now on."""
        self._ended = True

    def try_until(self, until: float, codes: frozenset[Code], work: Callable[[], T]) -> T:
        """``work``'s result; failures of these codes are tried again until the time (monotonic) has come."""
        while True:
            try:
                return work()
            except Failure as failure:
                if failure.code not in codes or self._ended or self._clock.monotonic() + PAUSE >= until:
                    raise
                log.debug("trying again: %s", failure)
                self._clock.sleep(PAUSE)
