"""What the worker asks of the host's kernel: network namespaces and the links in them.

One implementation speaks rtnetlink, one keeps a model in memory for tests; a contract suite runs on both. All methods
raise ``ports.errors.Failure``: NOT_FOUND for a link that is not in this namespace, CONFLICT for a name that is taken,
REFUSED for a namespace that must not be entered, DEADLINE for a kernel that does not answer, KERNEL with the kernel's
own words for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ports.devices import (
    Address,
    Link,
    LinkFacts,
    Neighbour,
    Route,
    Rule,
    Sysctl,
    Tuning,
)
from ports.queueing import Queueing
from ports.sriov import VirtualFunction


class Namespace(Protocol):
    """An open network namespace. Holding it open keeps the namespace alive, so it must be closed."""

    @property
    def cookie(self) -> str:
        """Tells namespaces apart for the life of this boot (``device:inode`` of the nsfs file)."""
        ...

    def link(self, ifindex: int) -> Link:
        """The link of that index. One request, never a dump."""
        ...

    def find(self, name: str) -> Link | None:
        """The link of that name or alternative name. One request, never a dump."""
        ...

    def links(self) -> tuple[Link, ...]:
        """All links: a dump, repeated if the kernel flags it as interrupted. Not for the attach path."""
        ...

    def facts(self, ifindex: int) -> LinkFacts:
        """The link with all that rtnetlink knows of it; sysctls, offloads, programs and RDMA devices are asked for apart.

        Left out is what comes by itself: the kernel's own link-local IPv6 address, routes that the kernel makes.
        """
        ...

    def addresses(self, ifindex: int) -> tuple[Address, ...]:
        """The addresses of one link, but those that the kernel made itself."""
        ...

    def move(self, ifindex: int, target: Namespace, name: str, wanted: int | None = None) -> Link:
        """Move the link into ``target`` under ``name``; the link as it is there (its index may have changed).

        ``wanted`` is the index that it gets if that is free there, else (and if not given) its own one if that is free.
        A name that is taken in the target leaves the link where it was.
        """
        ...

    def rename(self, ifindex: int, name: str) -> None:
        """Give the link another name (it must be down)."""
        ...

    def set_mtu(self, ifindex: int, mtu: int) -> None:
        """Set the MTU in bytes."""
        ...

    def set_mac(self, ifindex: int, mac: str) -> None:
        """Set the hardware address."""
        ...

    def set_up(self, ifindex: int, up: bool) -> None:
        """Set the administrative state."""
        ...

    def set_flags(self, ifindex: int, flags: int) -> None:
        """Set the flags of ``ports.devices.SETTABLE_FLAGS``: these on, all others of them off."""
        ...

    def add_address(self, ifindex: int, address: Address) -> None:
        """Add an address; one that is there already is a success and gets the lifetime, where one is given.

        DEADLINE: its lifetime is over. IPv6 duplicate detection: see ``Address``.
        """
        ...

    def remove_address(self, ifindex: int, address: Address) -> None:
        """Remove an address; one that is not there is a success. Routes that need it go with it, as the kernel has it."""
        ...

    def add_route(self, ifindex: int, route: Route) -> None:
        """Add a route through the link; one that is there already is a success."""
        ...

    def remove_route(self, ifindex: int, route: Route) -> None:
        """Remove exactly this route; one that is not there is a success."""
        ...

    def fileno(self) -> int:
        """A descriptor of the namespace, for the controls below; valid until ``close``."""
        ...

    def set_tuning(self, ifindex: int, tuning: Tuning) -> None:
        """Set what is not None. KERNEL for a size the device refuses, INVALID for one this kernel does not know."""
        ...

    def add_alternative_name(self, ifindex: int, name: str) -> None:
        """Add a further name; one that this link has already is a success. CONFLICT: another link has it."""
        ...

    def remove_alternative_name(self, ifindex: int, name: str) -> None:
        """Remove a further name; one that is not there is a success."""
        ...

    def set_group(self, ifindex: int, group: int) -> None:
        """Put the link in a group of links (ip-link(8)); 0 is the default one."""
        ...

    def set_queueing(self, ifindex: int, wish: Queueing) -> None:
        """Put disciplines, classes and filters there; those that are there as they should be are a success.

        KERNEL names those that the kernel did not take; the others are there.
        """
        ...

    def function(self, ifindex: int) -> VirtualFunction | None:
        """What the physical function says of this virtual one; None for what is none, or whose PF is not in here.

        It asks about all functions of that PF, which takes time on some hardware: not for the attach path.
        """
        ...

    def set_functions(self, ifindex: int, wish: tuple[VirtualFunction, ...]) -> None:
        """Make of a physical function's virtual ones what is wished for, their hardware addresses apart.

        KERNEL names what the driver refused; the rest is done.
        """
        ...

    def set_alias(self, ifindex: int, alias: str) -> None:
        """Set the alias (free text); empty removes it."""
        ...

    def add_neighbour(self, ifindex: int, neighbour: Neighbour) -> None:
        """Add or replace a permanent neighbour entry."""
        ...

    def rules(self) -> tuple[Rule, ...]:
        """All policy routing rules of both families, the kernel's three default ones left out."""
        ...

    def add_rule(self, rule: Rule) -> None:
        """Add a rule; one that is there already is a success."""
        ...

    def remove_rule(self, rule: Rule) -> None:
        """Remove a rule; one that is not there is a success."""
        ...

    def join_vrf(self, ifindex: int, name: str, table: int) -> None:
        """Make the link (down, without addresses) a port of the VRF ``name``, creating and setting it up if it is missing.

        CONFLICT: a link of that name is no VRF or has another table.
        """
        ...

    def leave_master(self, ifindex: int) -> None:
        """Leave a bridge, bond or VRF; a link without one is a success."""
        ...

    def sysctls(self, ifindex: int, names: tuple[str, ...]) -> tuple[Sysctl, ...]:
        """The link's sysctls of those names (``ipv4/arp_ignore``); one that this kernel does not have is left out."""
        ...

    def set_sysctl(self, ifindex: int, sysctl: Sysctl) -> None:
        """Set one sysctl of the link. NOT_FOUND: this kernel does not have it. INVALID: it does not take the value."""
        ...

    def announce(self, ifindex: int) -> None:
        """Send one gratuitous ARP or unsolicited neighbour advertisement for each address of the link. Best effort."""
        ...

    def close(self) -> None:
        """Give the namespace up. Repeatable."""
        ...


class Kernel(Protocol):
    """The host's namespaces."""

    @property
    def host(self) -> Namespace:
        """The namespace this process was started in; open as long as the process lives."""
        ...

    def open(self, path: str) -> Namespace:
        """Open the namespace at ``path``; never creates one.

        NOT_FOUND: no such file. REFUSED: not a network namespace, or the host's own.
        """
        ...

    def uplinks(self) -> Mapping[int, str]:
        """The host's links that the node itself depends on, each with the reason: see ``ports.uplinks``. Not for the hook."""
        ...

    def why_needed(self, ifindex: int) -> str:
        """Why the node needs this link now; empty: it does not. A few requests, and no dump of links or routes.

        It follows what the node's packets to the addresses it needs, and to far away, would do; ``uplinks`` knows more.
        """
        ...
