"""Several claims of one call at the same time: whoever waits (for a DHCP server, for a device) delays nobody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
MOST = 32  # claims of one pod at a time; the rest of them wait


def together(work: Callable[[T], R], items: Sequence[T], most: int = MOST) -> tuple[R, ...]:
    """What ``work`` makes of each item, in their order. A single one stays in the calling thread."""
    if len(items) < 2:
        return tuple(map(work, items))
    with ThreadPoolExecutor(min(len(items), most), "knd-claim") as pool:
        return tuple(pool.map(work, items))
