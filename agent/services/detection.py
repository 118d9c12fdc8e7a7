"""Which platform this node is on, asked of all at once: a server that is not there costs the others nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

from ports.clock import Clock
from ports.errors import Failure
from ports.providers import Provider

log = logging.getLogger("knd.providers")
DEADLINE = 5.0  # seconds for all of them together


def detected(candidates: Sequence[Provider], clock: Clock) -> Provider | None:
    """The first of them, in their order, that says it is here; None when none does in time."""
    if not candidates:
        return None
    end = clock.monotonic() + DEADLINE
    pool = ThreadPoolExecutor(len(candidates), thread_name_prefix="knd-detect")
    asked = [(provider, pool.submit(provider.detect)) for provider in candidates]
    pool.shutdown(wait=False)
    return next((each for each, answer in asked if _says_yes(each, answer, end - clock.monotonic())), None)


def _says_yes(provider: Provider, answer: Future[None], seconds: float) -> bool:
    try:
        answer.result(max(0.0, seconds))
    except (Failure, Late) as failure:
        log.debug("not on %s: %s", provider.name, failure or "no answer in time")
        return False
    return True
