"""How the demo speaks: a numbered headline as soon as a step begins, what came of it, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Teller:
    """Numbers the steps and prints at once, so that the reader sees progress while something works."""

    def __init__(self) -> None:
        self._number = 0

    @contextmanager
    def step(self, title: str, subtitle: str) -> Iterator[None]:
        """One step; a failure inside it leaves it without its tick."""
        self._number += 1
        print(f"{self._number:2}  {title}: {subtitle}", flush=True)
        started = time.monotonic()
        yield
        self.say(f"✓ {(time.monotonic() - started) * 1000:.0f} ms")

    def say(self, line: str) -> None:
        """One line below the headline."""
        print(f"      {line}", flush=True)
