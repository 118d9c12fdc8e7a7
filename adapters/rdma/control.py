"""RDMA devices of this host, found, moved and named; and the character devices a container uses them by."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from adapters.rdma import nldev
from adapters.rdma.nodes import in_order
from adapters.rdma.socket import RdmaError, Talk, is_own, talking
from adapters.rdma.sysfs import RdmaTree
from ports.devices import DeviceNode, Link, RdmaLink
from ports.discovery import RdmaDevice
from ports.errors import Code, Failure
from ports.kernel import Namespace

T = TypeVar("T")
NO_RDMA = frozenset({errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT})


class NetlinkRdma:
    """Implements ``ports.controls.RdmaControl`` and, for the watcher, ``ports.discovery.RdmaDevices``.

    ``timeout``: seconds that an answer of the kernel may take.
    """

    def __init__(self, sysfs_root: str = "/sys", *, timeout: float = 10.0) -> None:
        self._tree = RdmaTree(sysfs_root)
        self._timeout = timeout

    def exclusive(self) -> bool:
        """Whether each device belongs to one namespace; asked anew each time."""
        return self._about(nldev.exclusive, False)

    def of(self, namespace: Namespace, link: Link) -> tuple[RdmaLink, ...]:
        """The RDMA devices of an interface."""
        shown = self._tree if is_own(namespace.fileno()) else None  # sysfs shows the process's own namespace
        return self._about(lambda talk: _paired(talk, link, shown), (), namespace)

    def find(self, namespace: Namespace, name: str) -> RdmaLink | None:
        """The RDMA device of that name."""
        return next((rdma for rdma in self._all(namespace) if rdma.name == name), None)

    def at(self, namespace: Namespace, index: int) -> RdmaLink | None:
        """The RDMA device of that index."""
        return next((rdma for rdma in self._all(namespace) if rdma.index == index), None)

    def interface(self, namespace: Namespace, rdma: RdmaLink) -> int | None:
        """An interface of this namespace that belongs to it."""
        found = self._about(lambda talk: nldev.owner(talk, rdma), None, namespace)
        return self._tree.interface(rdma.name) if found is None and is_own(namespace.fileno()) else found

    def pci_address(self, rdma: RdmaLink) -> str | None:
        """The function of a device of this process's own namespace."""
        return self._tree.pci_address(rdma.name)

    def ports(self, namespace: Namespace, rdma: RdmaLink) -> tuple[tuple[int, str], ...]:
        """Number and state of each port."""
        none: tuple[nldev.Port, ...] = ()
        found = self._about(lambda talk: nldev.ports(talk, rdma), none, namespace)
        return tuple((port.number, port.state) for port in found)

    def move(self, rdma: RdmaLink, source: Namespace, target: Namespace) -> None:
        """Move the device, and give it its name again where it has lost it."""
        if self.at(source, rdma.index) is None:
            raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "is not in the namespace it is to be moved from")
        descriptor = target.fileno()
        talking(lambda talk: nldev.move(talk, rdma, descriptor), source.fileno(), self._timeout)
        arrived = self.at(target, rdma.index)
        if arrived is None:
            raise Failure(Code.KERNEL, f"RDMA device {rdma.name}", "was moved and did not arrive")
        if arrived.name != rdma.name:
            self.rename(rdma, target)

    def rename(self, rdma: RdmaLink, namespace: Namespace) -> None:
        """Give the device the name."""
        talking(lambda talk: nldev.rename(talk, rdma), namespace.fileno(), self._timeout)

    def nodes(self, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
        """The character devices: as the kernel tells, or as sysfs does of a device that is in another namespace."""
        none: tuple[DeviceNode, ...] = ()
        found = self._about(lambda talk: nldev.nodes(talk, rdma) if _is_there(talk, rdma) else none, none)
        if not any("uverbs" in node.path for node in found):
            found = self._tree.nodes(rdma.name)
        if not found:
            hint = "the kernel module ib_uverbs makes it"
            raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "has no uverbs device file", hint)
        return in_order(found)

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        """All RDMA devices of the namespace that this process is in."""
        here = {link.identity.ifindex: link for link in links}
        return self._about(lambda talk: self._devices(talk, here), ())

    def _devices(self, talk: Talk, here: Mapping[int, Link]) -> tuple[RdmaDevice, ...]:
        return tuple(
            RdmaDevice(
                rdma=seen.rdma,
                protocol=seen.protocol,
                pci_address=self._tree.pci_address(seen.rdma.name),
                interface=nldev.owner(talk, seen.rdma) or self._shown_owner(seen.rdma, here),
                facts=self._tree.facts(seen.rdma.name),
            )
            for seen in nldev.devices(talk)
        )

    def _shown_owner(self, rdma: RdmaLink, here: Mapping[int, Link]) -> int | None:
        """As sysfs tells it, unless that is another namespace's."""
        link = here.get(self._tree.interface(rdma.name) or 0)
        return link.identity.ifindex if link is not None and self._tree.belongs(rdma.name, link) else None

    def _all(self, namespace: Namespace) -> tuple[RdmaLink, ...]:
        none: tuple[nldev.Seen, ...] = ()
        return tuple(seen.rdma for seen in self._about(nldev.devices, none, namespace))

    def _about(self, work: Callable[[Talk], T], without: T, namespace: Namespace | None = None) -> T:
        """What ``work`` finds out, or what is so in a kernel ``without`` RDMA."""
        try:
            return talking(work, None if namespace is None else namespace.fileno(), self._timeout)
        except RdmaError as error:
            if error.errno in NO_RDMA:
                return without
            raise


def _paired(talk: Talk, link: Link, tree: RdmaTree | None) -> tuple[RdmaLink, ...]:
    owners = [(seen.rdma, nldev.owner(talk, seen.rdma)) for seen in nldev.devices(talk)]
    return tuple(
        rdma
        for rdma, owner in owners
        if owner == link.identity.ifindex or (owner is None and tree is not None and tree.belongs(rdma.name, link))
    )


def _is_there(talk: Talk, rdma: RdmaLink) -> bool:
    return any(seen.rdma.index == rdma.index for seen in nldev.devices(talk))
