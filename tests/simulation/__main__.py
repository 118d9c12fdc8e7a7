"""``make simulation``: prints the outcome and draws it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from agent.domain.topology import Alignment
from tests.simulation import paper
from tests.simulation.cluster import node
from tests.simulation.experiment import AT_RANDOM, Outcome, run
from tests.simulation.picture import drawn
from tests.support.machines import accelerated

SEED, JOBS = 20250629, 2000


def main() -> int:
    """Run it; always 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"of each way of choosing [default {JOBS}]")
    parser.add_argument("--seed", type=int, default=SEED, help="of the dice")
    parser.add_argument("--picture", type=Path, default=Path("build/simulation.svg"), help="where the plot goes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        nodes = [node(name, accelerated.h100, Path(directory)) for name in ("worker-1", "worker-2")]
    outcomes = run(nodes, chosen.jobs, chosen.seed)
    print(told(outcomes, chosen.jobs))
    chosen.picture.parent.mkdir(parents=True, exist_ok=True)
    chosen.picture.write_text(drawn(outcomes, chosen.jobs), encoding="utf-8")
    print(f"\nThe plot is in {chosen.picture}")
    return 0


def told(outcomes: Mapping[str, Outcome], jobs: int) -> str:
    """The outcome in words."""
    levels = sorted(Alignment, reverse=True)
    lines = [
        f"SIMULATION, not a measurement: {jobs} jobs for each way of choosing, two workers on two 8-GPU nodes.",
        "Allocations are made from this driver's slices of a made machine. Bandwidths are drawn from the figures that",
        "arXiv 2506.23628 measured (all_reduce, 8 GB): aligned "
        f"{paper.ALIGNED['all_reduce'].mean} GB/s, unaligned {paper.UNALIGNED['all_reduce'].mean} GB/s.",
        "",
        f"{'':18}" + "".join(f"{level.words:>18}" for level in levels) + f"{'both aligned':>16}{'GB/s, implied':>20}",
    ]
    for way, outcome in outcomes.items():
        shares = "".join(f"{outcome.workers[level] / outcome.workers.total():>18.1%}" for level in levels)
        figures = f"{outcome.mean:.2f} ± {outcome.deviation:.2f}"
        lines.append(f"{way:18}{shares}{outcome.jobs_aligned / jobs:>16.1%}{figures:>20}")
    chance = f"{paper.BY_CHANCE:.1%}"
    return "\n".join([*lines, "", f"By chance both workers of a job are aligned in {chance} of cases ({AT_RANDOM})."])


if __name__ == "__main__":
    sys.exit(main())
