"""Taking what a feed brings, for as long as a process runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from agent.services.bell import Bell
from ports.errors import Failure

T = TypeVar("T")
Out = TypeVar("Out", covariant=True)
log = logging.getLogger("knd.feed")
LOOK = 60.0  # seconds of one wait for news; its end means nothing
PAUSE = 1.0  # seconds before the next wait after a failed one


class Source(Protocol[Out]):
    """A feed of which the newest counts."""

    def latest(self, timeout: float) -> Out | None:
        """The newest not yet taken, waiting at most ``timeout`` seconds for one; None when there is none."""
        ...


def follow(source: Source[T], take: Callable[[T], None], bell: Bell) -> None:
    """Hand over what comes until the bell is closed; a feed that fails is tried again."""
    while not bell.closed:
        try:
            newest = source.latest(LOOK)
        except Failure as failure:
            log.warning("no news: %s", failure)
            bell.pause(PAUSE)
            continue
        if newest is not None:
            take(newest)
