"""What is seen of a device that tells whether it works; and of those in pods, which only the dataplane can look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.plan import ClaimRef, PodRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """One look at a device; None is "not known here", and no field depends on another one's being known.

    ``up`` is the administrative state, None for an RDMA device without an interface. ``losses`` counts how often the
    carrier went away since the device was registered (IFLA_CARRIER_DOWN_COUNT): nothing that happens between two looks is
    lost. ``idle_ports`` names the RDMA ports that are not active, with their state. ``errors`` are the uncorrectable PCI
    errors that the kernel counted, fatal and non-fatal (aer_dev_fatal, aer_dev_nonfatal of sysfs).
    """

    up: bool | None = None
    carrier: bool | None = None
    losses: int | None = None
    idle_ports: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldDevice:
    """A device that is in a pod; ``vitals`` are None when it is neither there nor in the host."""

    device: str
    claim: ClaimRef
    pod: PodRef
    vitals: Vitals | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldState:
    """All devices in pods. ``beat`` rises with each look, so that a dataplane that looks no more is noticed."""

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
