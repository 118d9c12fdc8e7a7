"""What a platform (a cloud, or somebody's webhook) knows of a node's devices and the host does not show.

A provider is asked aside and never waited for: publishing and Prepare use what was learned last. ``Failure`` codes:
UNAVAILABLE and DEADLINE (not there, or not now), REFUSED (credentials), INVALID (an answer that is none).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ports.devices import AttributeValue
from ports.netconfig import NetworkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceIds:
    """How others may know a device: its name here, its interface's on the host, and what the hardware says.

    ``interface`` and ``mac`` are empty and ``pci_address`` is None where there is none; ``rdma`` is the RDMA device's name.
    """

    device: str
    interface: str = ""
    mac: str = ""
    pci_address: str | None = None
    rdma: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a platform says of one device: attributes by qualified name, and the configuration that it is to have there.

    ``config`` is the lowest layer of a claim's configuration; None: nothing is said. ``notes`` tell what of the answer
    could not be used, and why.
    """

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    config: NetworkConfig | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """A description with who gave it and for which ids, so that it outlives a restart."""

    provider: str
    ids: DeviceIds
    description: Description


class Platform(Protocol):
    """One look at a platform."""

    def describe(self, ids: DeviceIds) -> Description:
        """What it says of a device. Quick when the look has brought everything; else bounded by the adapter's limits."""
        ...


class Provider(Protocol):
    """One kind of platform."""

    @property
    def name(self) -> str:
        """As in the flag: GCE, AWS, AZURE, OKE, ALIBABA, webhook."""
        ...

    def detect(self) -> None:
        """Return if this node is on this platform, else raise. Bounded: a few seconds."""
        ...

    def read(self) -> Platform:
        """Look at the platform. Bounded: a few seconds a request."""
        ...
