"""What the worker asks of the host beyond rtnetlink: offloads, eBPF programs, RDMA. Each is a library of its own.

Like ``ports.kernel``: everything raised is a ``Failure``, and a fake and the real thing keep one contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ports.devices import DeviceNode, Link, Offloads, Program, RdmaLink, Switch
from ports.errors import Code, Failure
from ports.exclusions import Exclusions, NoExclusions
from ports.kernel import Kernel, Namespace


class OffloadControl(Protocol):
    """Features, private flags and hardware settings of a link, by ethtool netlink."""

    def read(self, namespace: Namespace, ifindex: int) -> Offloads:
        """Changeable features with their state, private flags, settings. A link without ethtool has none.

        What follows from a negotiation, and so changes by itself, is no setting.
        """
        ...

    def fixed(self, namespace: Namespace, ifindex: int) -> tuple[Switch, ...]:
        """The features that driver or hardware let nobody change, with their state."""
        ...

    def write(self, namespace: Namespace, ifindex: int, wish: Offloads) -> None:
        """Switch these. KERNEL when the driver did something else, naming what; nothing is sent when all is so already.

        INVALID: something that this driver does not have.
        """
        ...


class ProgramControl(Protocol):
    """eBPF programs on a link: tc, TCX, XDP, netkit. A kernel without one of them has none there.

    A move between namespaces ends the link's tc filters (the kernel throws its queueing disciplines away); TCX and XDP
    programs stay attached to it, those of a pod too. A program ends when nothing refers to it any more.
    """

    def attached(self, namespace: Namespace, ifindex: int) -> tuple[Program, ...]:
        """What is attached, each hook's programs in the order they run."""
        ...

    def detach(self, namespace: Namespace, ifindex: int, keep: tuple[Program, ...] = ()) -> tuple[Program, ...]:
        """Take everything off but ``keep``; what was taken off. One that goes meanwhile is a success."""
        ...

    def attach(self, namespace: Namespace, ifindex: int, programs: tuple[Program, ...]) -> tuple[Program, ...]:
        """Put these back where they are not, by program id; those that the kernel no longer has or takes."""
        ...

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """Keep these alive until ``release(key)``; ones that are gone, or whose kernel refuses, are passed over."""
        ...

    def release(self, key: str) -> None:
        """Let go of what was held under ``key``. An unknown key is a success."""
        ...

    def held(self) -> frozenset[str]:
        """The keys under which something is held, by an earlier process too."""
        ...


class RdmaControl(Protocol):
    """RDMA devices, by NETLINK_RDMA. A kernel without RDMA is in shared mode and has no devices."""

    def exclusive(self) -> bool:
        """Whether each device belongs to one namespace (``rdma system``); read anew at each call."""
        ...

    def of(self, namespace: Namespace, link: Link) -> tuple[RdmaLink, ...]:
        """The RDMA devices of an interface, found in the namespace it is in."""
        ...

    def find(self, namespace: Namespace, name: str) -> RdmaLink | None:
        """The RDMA device of that name as seen from this namespace."""
        ...

    def at(self, namespace: Namespace, index: int) -> RdmaLink | None:
        """The RDMA device of that index as seen from this namespace, whatever it is called there."""
        ...

    def interface(self, namespace: Namespace, rdma: RdmaLink) -> int | None:
        """The index of an interface of this namespace that belongs to the RDMA device, None where it has none here."""
        ...

    def pci_address(self, rdma: RdmaLink) -> str | None:
        """The PCI function of a device of the host; None of a virtual one."""
        ...

    def ports(self, namespace: Namespace, rdma: RdmaLink) -> tuple[tuple[int, str], ...]:
        """Number and state (``active``, ``down``, as in ``ports.hardware.RdmaPort``) of its ports; none where it is not."""
        ...

    def move(self, rdma: RdmaLink, source: Namespace, target: Namespace) -> None:
        """Move the device of that index between namespaces (exclusive mode). It arrives under the name that ``rdma`` has.

        NOT_FOUND: it is not in ``source``.
        """
        ...

    def rename(self, rdma: RdmaLink, namespace: Namespace) -> None:
        """Give the device of that index the name that ``rdma`` has. CONFLICT: another one of this host has it."""
        ...

    def nodes(self, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
        """The character devices that a container needs to use it, in whatever namespace it is; by path.

        uverbs, umad and issm where it has them, and rdma_cm. NOT_FOUND: it has no uverbs, so nothing could use it.
        """
        ...


class DeviceFiles(Protocol):
    """The character devices of this host as they are now, for those who may look but not ask the kernel to change."""

    def nodes(self, name: str) -> tuple[DeviceNode, ...]:
        """Those of the RDMA device of that name, and the connection manager's; none when there is no such device."""
        ...


class Cgroups(Protocol):
    """The control groups of this host, for those who may look."""

    def controllers(self) -> frozenset[str]:
        """The controllers that containers can be given limits of (cgroup v2); none where there is only cgroup v1."""
        ...


class ErrorCounts(Protocol):
    """What the kernel counts of a PCI function's uncorrectable errors (AER); the same from every namespace."""

    def of(self, pci_address: str) -> tuple[int, ...]:
        """Fatal and non-fatal ones; empty where nobody counts or the function is gone."""
        ...


class PacketControl(Protocol):
    """Packet sockets for DHCP."""

    def open(self, namespace: Namespace, link: Link, family: int, mac: str) -> int:
        """The descriptor of a raw socket of this link that receives DHCP for ``mac`` and nothing else; the caller's to close.

        For IPv6 it receives neighbour solicitations too. Its filter cannot be changed any more.
        """
        ...


class NoOffloads:
    """For hosts and tests without ethtool."""

    def read(self, namespace: Namespace, ifindex: int) -> Offloads:
        """None."""
        return Offloads()

    def fixed(self, namespace: Namespace, ifindex: int) -> tuple[Switch, ...]:
        """None either."""
        return ()

    def write(self, namespace: Namespace, ifindex: int, wish: Offloads) -> None:
        """Nothing can be switched."""
        if wish != Offloads():
            raise Failure(Code.INVALID, f"interface #{ifindex}", "has no features that could be switched")


class NoPrograms:
    """For kernels without eBPF."""

    def attached(self, namespace: Namespace, ifindex: int) -> tuple[Program, ...]:
        """None."""
        return ()

    def detach(self, namespace: Namespace, ifindex: int, keep: tuple[Program, ...] = ()) -> tuple[Program, ...]:
        """None."""
        return ()

    def attach(self, namespace: Namespace, ifindex: int, programs: tuple[Program, ...]) -> tuple[Program, ...]:
        """None can be."""
        return programs

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """There are none."""

    def release(self, key: str) -> None:
        """Nothing is held."""

    def held(self) -> frozenset[str]:
        """None."""
        return frozenset()


class NoRdma:
    """For kernels without RDMA."""

    def exclusive(self) -> bool:
        """Shared: nothing is ever moved."""
        return False

    def of(self, namespace: Namespace, link: Link) -> tuple[RdmaLink, ...]:
        """None."""
        return ()

    def find(self, namespace: Namespace, name: str) -> RdmaLink | None:
        """None."""
        return None

    def at(self, namespace: Namespace, index: int) -> RdmaLink | None:
        """None."""
        return None

    def interface(self, namespace: Namespace, rdma: RdmaLink) -> int | None:
        """None."""
        return None

    def pci_address(self, rdma: RdmaLink) -> str | None:
        """None."""
        return None

    def ports(self, namespace: Namespace, rdma: RdmaLink) -> tuple[tuple[int, str], ...]:
        """None."""
        return ()

    def move(self, rdma: RdmaLink, source: Namespace, target: Namespace) -> None:
        """There is nothing to move."""
        raise _no_rdma(rdma)

    def rename(self, rdma: RdmaLink, namespace: Namespace) -> None:
        """There is nothing to rename."""
        raise _no_rdma(rdma)

    def nodes(self, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
        """There is nothing to use."""
        raise _no_rdma(rdma)


class NoPackets:
    """For hosts without DHCP."""

    def open(self, namespace: Namespace, link: Link, family: int, mac: str) -> int:
        """None can be."""
        raise Failure(Code.INVALID, f"interface {link.name}", "no packet sockets here")


def _no_rdma(rdma: RdmaLink) -> Failure:
    return Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "this kernel has no RDMA")


class NoErrorCounts:
    """Nobody counts."""

    def of(self, pci_address: str) -> tuple[int, ...]:
        """None."""
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """All of the host that the worker works on. What is not given is something that this host does not have.

    ``ipoib_stays``: an RDMA device may be given away while its IPoIB interface is in the host.
    """

    kernel: Kernel
    offloads: OffloadControl = field(default_factory=NoOffloads)
    programs: ProgramControl = field(default_factory=NoPrograms)
    rdma: RdmaControl = field(default_factory=NoRdma)
    exclusions: Exclusions = field(default_factory=NoExclusions)
    errors: ErrorCounts = field(default_factory=NoErrorCounts)
    ipoib_stays: bool = False
    packets: PacketControl = field(default_factory=NoPackets)
