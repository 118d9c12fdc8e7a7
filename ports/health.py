"""The health of devices, as the kubelet takes it (KEP-4680) and as taints, Events and metrics tell it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

TIMEOUT = 30  # seconds after which the kubelet takes a device that it heard nothing of as unknown; its own default
RESEND = 9.0  # seconds between two messages at most: three of them fit into the timeout
LONGEST_MESSAGE = 1024  # bytes of a device's message that the kubelet takes


class Condition(StrEnum):
    """What can be wrong with a device. Closed: taint keys, reasons of Events and labels of metrics are made of it."""

    CARRIER_LOST = "carrier-lost"
    LINK_FLAPPING = "link-flapping"
    RDMA_NOT_ACTIVE = "rdma-not-active"
    PCI_ERRORS = "pci-errors"
    GONE = "gone"


class Status(StrEnum):
    """As in the kubelet's API."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceHealth:
    """One device. ``since`` is when it became so, in Unix seconds; ``timeout`` is for how long this holds."""

    pool: str
    device: str
    status: Status
    since: int
    message: str = ""
    timeout: int = TIMEOUT


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthReport:
    """All devices of this driver on this node: one that is not in it counts as no longer reported."""

    edition: int
    devices: tuple[DeviceHealth, ...]


class HealthReports(Protocol):
    """What the health stream asks of us."""

    def report(self, after: int, timeout: float) -> HealthReport:
        """The newest report: as soon as its edition is above ``after``, else the same again after ``timeout`` seconds."""
        ...
