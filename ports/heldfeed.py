"""The way of what only the dataplane can see, devices in pods, to the DRA frontend: newest wins, as with the inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.plan import ClaimRef, PodRef
from ports.vitals import Vitals


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldDevice:
    """A device that is in a pod; ``vitals`` are None when it is no longer there."""

    device: str
    claim: ClaimRef
    pod: PodRef
    vitals: Vitals | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldState:
    """All devices in pods. ``beat`` is another one with each look, so that a dataplane that looks no more is noticed."""

    beat: int
    devices: tuple[HeldDevice, ...] = ()


class HeldSink(Protocol):
    """The dataplane's end."""

    def publish(self, state: HeldState) -> None:
        """Offer the newest state; an older one that nobody took is dropped."""
        ...


class HeldSource(Protocol):
    """The DRA frontend's end."""

    def latest(self, timeout: float) -> HeldState | None:
        """The newest state not yet taken, waiting at most ``timeout`` seconds for one; None when there is none."""
        ...
