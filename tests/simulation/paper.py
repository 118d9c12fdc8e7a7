"""The measured figures that the simulation takes as given: arXiv 2506.23628, tables II and III.

Two nodes with eight GPUs and eight RoCE cards each, one GPU and one card for each of two workers, nccl-tests, 100
repetitions. Aligned: both by one claim, on one PCIe root. Unaligned: the same claim for the card, the GPU from the device
plugin, which takes any. Messages of 8 GB; bus bandwidth in GB/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

WORKERS = 2
GPUS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Mean and standard deviation of a series, GB/s."""

    mean: float
    deviation: float


ALIGNED = {
    "all_gather": Measured(mean=46.59, deviation=0.03),
    "all_reduce": Measured(mean=46.93, deviation=0.04),
}
UNALIGNED = {
    "all_gather": Measured(mean=29.20, deviation=5.62),
    "all_reduce": Measured(mean=29.68, deviation=6.74),
}
BY_CHANCE = (1 / GPUS) ** WORKERS


def misaligned(test: str) -> Measured:
    """The unaligned series without the runs in it that were aligned by chance, one in 64.

    Means and second moments of a mixture are the weighted sums of those of its parts.
    """
    whole, part = UNALIGNED[test], ALIGNED[test]
    rest = 1 - BY_CHANCE
    mean = (whole.mean - BY_CHANCE * part.mean) / rest
    second = (_second(whole) - BY_CHANCE * _second(part)) / rest
    return Measured(mean=mean, deviation=sqrt(second - mean**2))


def _second(measured: Measured) -> float:
    return measured.mean**2 + measured.deviation**2
