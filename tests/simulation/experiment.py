"""The paper's setting, many times over: two workers on two nodes, a GPU and a card each, chosen in two ways.

A job is as fast as its slower worker, and so counts as aligned only when both are.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev

from agent.domain.topology import Alignment, alignment
from tests.simulation import paper
from tests.simulation.allocator import Allocator, Offer, offers
from tests.simulation.cluster import GPU_DRIVER, Node, classes, template

Pair = tuple[Offer, ...]
BY_CLAIM, AT_RANDOM = "aligned by claim", "GPU at random"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What one way of choosing led to: workers by alignment, and the bandwidth of each job in GB/s (implied)."""

    workers: Counter[Alignment] = field(default_factory=Counter)
    jobs_aligned: int = 0
    bandwidth: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Of the bandwidth."""
        return fmean(self.bandwidth)

    @property
    def deviation(self) -> float:
        """Of the bandwidth."""
        return pstdev(self.bandwidth)


def run(nodes: Sequence[Node], jobs: int, seed: int, test: str = "all_reduce") -> dict[str, Outcome]:
    """Both ways, ``jobs`` times each; the same numbers for the same seed."""
    dice = random.Random(seed)
    allocator = Allocator(offers([body for each in nodes for body in each.slices]), classes())
    outcomes = {BY_CLAIM: Outcome(), AT_RANDOM: Outcome()}
    busy = {each.name: _pairs(each) for each in nodes}
    for way, outcome in outcomes.items():
        for _ in range(jobs):
            reached = [_worker(each, busy[each.name], allocator, dice, way) for each in nodes]
            allocator.free()
            _count(outcome, reached, dice, test)
    return outcomes


def _worker(node: Node, busy: Sequence[Pair], allocator: Allocator, dice: random.Random, way: str) -> Alignment:
    """Allocate for a worker: how near its GPU and its card are.

    Up to seven aligned pairs of the node are other pods', so that not every job gets the first one.
    """
    for pair in dice.sample(busy, dice.randrange(len(busy))):
        for offer in pair:
            allocator.take(offer)
    spec = template("same-root")
    requests = {request["name"]: request for request in spec["devices"]["requests"]}
    if way == BY_CLAIM:
        chosen = allocator.allocate(spec, node.name)
    else:
        chosen = allocator.allocate({"devices": {"requests": [requests["nic"]]}}, node.name)
        if chosen is not None:
            chosen["gpu"] = dice.choice(allocator.fitting(requests["gpu"], node.name))
    if chosen is None:
        raise AssertionError(f"node {node.name} has no pair left")
    return alignment(node.parts[chosen["gpu"].name], node.parts[chosen["nic"].name])


def _pairs(node: Node) -> list[Pair]:
    """The devices of each root that has a GPU and a card."""
    roots: dict[str, list[Offer]] = {}
    for offer in offers(node.slices):
        roots.setdefault(node.parts[offer.name].root, []).append(offer)
    return [tuple(pair) for pair in roots.values() if {GPU_DRIVER} < {offer.driver for offer in pair}]


def _count(outcome: Outcome, reached: Sequence[Alignment], dice: random.Random, test: str) -> None:
    aligned = min(reached) >= Alignment.ROOT
    figures = paper.ALIGNED[test] if aligned else paper.misaligned(test)
    outcome.workers.update(reached)
    outcome.jobs_aligned += aligned
    outcome.bandwidth.append(max(0.0, dice.gauss(figures.mean, figures.deviation)))
