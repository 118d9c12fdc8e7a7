"""What is kept of a device between two looks, and what a look leads to. Times are seconds of CLOCK_MONOTONIC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ports.health import Condition, Status
from ports.vitals import Vitals


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One look. ``place`` is where the device is: ``host``, or the pod that has it; ``known`` is false while nobody who
    could see it looks. ``vitals`` are None for a device that a claim has and that is nowhere.
    """

    place: str
    vitals: Vitals | None
    known: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """``settled_at``: until then a link that has just been set up or moved may have no carrier yet. ``losses`` and
    ``errors`` are the kernel's counters at the last look, ``drops`` the times of the losses that count for flapping.
    ``since`` tells for each condition since when it has lasted.
    """

    place: str = ""
    up: bool | None = None
    settled_at: float = 0.0
    losses: int | None = None
    drops: tuple[float, ...] = ()
    flapping: bool = False
    errors: tuple[int, ...] = ()
    errors_at: float | None = None
    absent_at: float | None = None
    since: Mapping[Condition, float] = field(default_factory=dict)


NEW = Memory()


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong with a device, for people too. ``tainted``: it has lasted long enough for its taint."""

    condition: Condition
    since: float
    message: str
    tainted: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is to be told of a device; ``again_at`` is when it may be another one although nothing is seen to change."""

    status: Status
    findings: tuple[Finding, ...] = ()
    again_at: float | None = None

    @property
    def message(self) -> str:
        """All findings in words."""
        if self.status is Status.UNKNOWN:
            return "nobody can look at the device now"
        return "; ".join(finding.message for finding in self.findings)
