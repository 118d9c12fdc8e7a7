"""What the watcher asks of the host: what interfaces there are, what else is known of them, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ports.devices import Link, Program, RdmaLink
from ports.hardware import Hardware as Hardware
from ports.hardware import LinkDetails, LinkSettings, RdmaFacts, WireNeighbour
from ports.touched import Touched


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaDevice:
    """An RDMA device of the host. ``interface`` is the index of the host's interface that it belongs to, None: none here.

    ``protocol`` is ib, roce, iw, opa or usnic, and empty for others (EFA). ``pci_address`` is None for a virtual one.
    """

    rdma: RdmaLink
    protocol: str = ""
    pci_address: str | None = None
    interface: int | None = None
    facts: RdmaFacts = field(default_factory=RdmaFacts)


class Interfaces(Protocol):
    """The host's interfaces, read-only."""

    def links(self) -> tuple[Link, ...]:
        """All links of this namespace, from one consistent dump."""
        ...

    def link(self, ifindex: int) -> Link | None:
        """The link of that index; None: there is none here now."""
        ...

    def uplinks(self) -> Mapping[int, str]:
        """The links that the node itself depends on, each with the reason (``ports.uplinks``)."""
        ...


class HardwareFacts(Protocol):
    """What is known of hardware. What cannot be read is left out of the facts; nothing is raised."""

    def hardware(self, link: Link) -> Hardware | None:
        """Facts of one interface; None when sysfs does not show it (gone meanwhile, or sysfs is another namespace's)."""
        ...

    def function(self, pci_address: str) -> Hardware:
        """Facts of a PCI function."""
        ...


class PciFunctions(Protocol):
    """All that is plugged in, network or not."""

    def functions(self) -> tuple[Hardware, ...]:
        """Every PCI function but bridges, by address."""
        ...


class SettingsFacts(Protocol):
    """What ethtool knows."""

    def settings(self, link: Link) -> LinkSettings:
        """Speed, duplex and driver of one interface, as far as it tells them. Failure: it cannot be asked."""
        ...


class DetailFacts(Protocol):
    """What rtnetlink knows beside the link."""

    def details(self, link: Link) -> LinkDetails:
        """Alias, addresses and switch port of one interface. Failure: it cannot be asked."""
        ...


class ProgramFacts(Protocol):
    """What eBPF programs are on an interface."""

    def programs(self, link: Link) -> tuple[Program, ...] | None:
        """Those of all hooks; None: this process may not know. Failure: it cannot be asked."""
        ...


class SwitchFacts(Protocol):
    """What devlink knows."""

    def eswitch(self, pci_address: str) -> str:
        """The mode of the function's embedded switch, legacy or switchdev; empty: none, or not to be known."""
        ...


class WireFacts(Protocol):
    """What an LLDP daemon knows."""

    def neighbour(self, link: Link) -> WireNeighbour | None:
        """Who is at the other end; None: nobody said."""
        ...


class RdmaDevices(Protocol):
    """The host's RDMA devices, read-only."""

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        """All that this namespace shows, by name; none in a kernel without RDMA. ``links`` are its interfaces."""
        ...


class Changes(Protocol):
    """When to look again, and at what. No polling: it wakes on kernel events."""

    def wait(self, timeout: float) -> Touched:
        """What was touched since the last call, waiting at most ``timeout`` seconds for the first of it.

        Takes a bounded number of events, in their order; lost ones count as everything. Nothing touched: the time is over,
        or somebody woke it.
        """
        ...


class EventSource(Protocol):
    """One of the kernel's voices."""

    def fileno(self) -> int:
        """Readable when there are events."""
        ...

    def read(self) -> Touched:
        """What the next events touched, a bounded number of them; nothing when there are none. Never blocks.

        Failure KERNEL: the kernel tells no more.
        """
        ...

    def close(self) -> None:
        """Give the descriptor up. Repeatable."""
        ...
