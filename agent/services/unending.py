"""Loops that a process cannot do without: one that ends by a defect is begun again, after a while and with a line in the log.

Without that the process would go on, ready by all signs, and never again tell of anything that the loop was for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from agent.services.bell import Bell

log = logging.getLogger("knd.loops")
PAUSE = 1.0  # seconds


def start(loops: Mapping[str, Callable[[], None]], bell: Bell, pause: float = PAUSE) -> None:
    """A thread for each loop, by name. They are begun again until the bell is closed."""
    for name, loop in loops.items():
        threading.Thread(target=_run, args=(name, loop, bell, pause), name=f"knd-{name}", daemon=True).start()


def _run(name: str, loop: Callable[[], None], bell: Bell, pause: float) -> None:
    while not bell.closed:
        try:
            loop()
        except Exception:
            log.exception("a defect has ended the loop %s; it begins again", name)
            bell.pause(pause)
        else:
            return
