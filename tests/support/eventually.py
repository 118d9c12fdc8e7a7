"""Waiting for what comes by itself, with a bound that only a defect reaches."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return once it holds; fail when it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"did not come true within {seconds:g} s"
        time.sleep(0.01)
