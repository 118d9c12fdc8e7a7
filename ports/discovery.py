"""What the watcher asks of the host: what interfaces there are, what else is known of them, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.devices import Link


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


class Changes(Protocol):
    """When to look again. No polling: it wakes on kernel events."""

    def wait(self, timeout: float) -> bool:
        """True when something may have changed since the last call (events are gathered, lost events count), else False."""
        ...
