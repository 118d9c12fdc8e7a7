"""What the four processes use of memory at rest: ``python -m tests.bench.memory [CARDS]``.

One alone includes the libraries it shares with the others; all together count each page once.
"""

from __future__ import annotations

import sys
import time

from tests.support.memory import footprint_kib
from tests.support.wholenode import WholeNode

BUDGET_MIB = 130
CARDS = 32


def measure(cards: int) -> dict[str, float]:
    """MiB of each process with so many cards published, and of all."""
    with WholeNode() as node:
        names = [f"card{number}" for number in range(cards)]
        for name in names:
            node.add_card(name)
        up = node.up()
        node.ready(*names)
        time.sleep(2.0)  # at rest
        pids = node.pids(up)
        parts = {name: footprint_kib([pid]) / 1024 for name, pid in pids.items()}
        return {**parts, "all": footprint_kib(pids.values()) / 1024}


def main() -> None:
    """Measure and print."""
    for name, size in measure(int(sys.argv[1]) if len(sys.argv) > 1 else CARDS).items():
        print(f"{name:<10} {size:6.1f} MiB")
    print(f"budget     {BUDGET_MIB:6.1f} MiB")


if __name__ == "__main__":
    main()
