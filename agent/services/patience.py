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


def patiently(clock: Clock, until: float, codes: frozenset[Code], work: Callable[[], T]) -> T:
    """``work``'s result; failures of these codes are tried again until the time (monotonic) has come."""
    while True:
        try:
            return work()
        except Failure as failure:
            if failure.code not in codes or clock.monotonic() + PAUSE >= until:
                raise
            log.debug("trying again: %s", failure)
            clock.sleep(PAUSE)
