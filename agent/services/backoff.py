"""How long to wait before another try: longer each time, and never the same on two nodes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Doubles from ``first`` to ``limit`` seconds; each wait is between half and all of that."""

    first: float = 0.25
    limit: float = 30.0
    attempts: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        full = min(self.limit, self.first * 2.0 ** min(self.attempts, 32))
        self.attempts += 1
        return full * (0.5 + self.dice.random() / 2)

    def reset(self) -> None:
        """It worked."""
        self.attempts = 0
