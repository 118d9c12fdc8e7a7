"""What is seen of a device that tells whether it works."""

from __future__ import annotations

from dataclasses import dataclass


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


CARRIERS = {"up": True, "down": False, "lower-layer-down": False, "not-present": False}


def carrier(operstate: str) -> bool | None:
    """Whether there is a carrier, as far as the operational state (RFC 2863) tells of a link that is up.

    ``unknown`` is the state of drivers that keep none; a link that waits for 802.1X is ``dormant``.
    """
    return CARRIERS.get(operstate)


def idle(name: str, port: int, state: str) -> tuple[str, ...]:
    """The port in words if it is not active; a port whose state nobody tells counts as active."""
    return () if not state or state.startswith("active") else (f"{name} port {port} is {state}",)
