"""What the watcher asks of the host: what interfaces there are, what else is known of them, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ports.devices import Link, RdmaLink


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What sysfs tells of an interface. ``numa_node`` is None where the kernel says -1 or nothing.

    ``port`` tells the further interfaces of one PCI function (second port, representor, sub-function) from its main one,
    for which it is empty.
    """

    virtual: bool
    pci_address: str | None = None
    pcie_root: str | None = None
    numa_node: int | None = None
    port: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaDevice:
    """An RDMA device of the host. ``interface`` is the index of the host's interface that it belongs to, None: none here.

    ``protocol`` is ib, roce, iw, opa or usnic, and empty for others (EFA). ``pci_address`` is None for a virtual one.
    """

    rdma: RdmaLink
    protocol: str = ""
    pci_address: str | None = None
    interface: int | None = None


class Interfaces(Protocol):
    """The host's interfaces, read-only."""

    def links(self) -> tuple[Link, ...]:
        """All links of this namespace, from one consistent dump."""
        ...

    def uplinks(self) -> frozenset[int]:
        """Indexes of the links the node itself depends on (default routes, with masters, slaves and lower links)."""
        ...


class HardwareFacts(Protocol):
    """What sysfs knows."""

    def hardware(self, link: Link) -> Hardware | None:
        """Facts of one interface; None when sysfs does not show it (gone meanwhile, or sysfs is another namespace's)."""
        ...

    def function(self, pci_address: str) -> Hardware:
        """Facts of a PCI function."""
        ...


class RdmaDevices(Protocol):
    """The host's RDMA devices, read-only."""

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        """All that this namespace shows, by name; none in a kernel without RDMA. ``links`` are its interfaces."""
        ...


class Changes(Protocol):
    """When to look again. No polling: it wakes on kernel events."""

    def wait(self, timeout: float) -> bool:
        """True when something may have changed since the last call (events are gathered, lost events count), else False."""
        ...
