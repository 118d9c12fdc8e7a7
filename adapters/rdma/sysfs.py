"""What sysfs tells of RDMA devices: hardware, pairing of drivers that do not tell netlink, and character devices.

``/sys/class/infiniband`` shows the network namespace that sysfs was mounted in. The classes of character devices show
all to all, whatever namespace the RDMA device is in, so they serve where netlink does not see it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from adapters.rdma.facts import facts, text
from adapters.rdma.nodes import in_order, node
from ports.devices import DeviceNode, Link
from ports.hardware import RdmaFacts

PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
NUMBERS = re.compile(r"(\d+):(\d+)")
VERBS, MANAGEMENT = "infiniband_verbs", "infiniband_mad"
INFINIBAND = "infiniband"
ARPHRD_INFINIBAND = "32"  # linux/if_arp.h


class RdmaTree:
    """sysfs below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._class = self._root / "class"

    def names(self) -> tuple[str, ...]:
        """The RDMA devices that are shown here."""
        return tuple(sorted(entry.name for entry in _entries(self._class / INFINIBAND)))

    def pci_address(self, name: str) -> str | None:
        """The PCI function of an RDMA device; None for a virtual one."""
        place = Path(os.path.realpath(self._class / INFINIBAND / name / "device")).name
        return place if PCI.fullmatch(place) else None

    def facts(self, name: str) -> RdmaFacts:
        """GUIDs, firmware and ports of an RDMA device; as far as they are shown here."""
        return facts(self._class / INFINIBAND / name)

    def node_type(self, name: str) -> str:
        """The number of its kind (RDMA_NODE_* of rdma/ib_verbs.h)."""
        return text(self._class / INFINIBAND / name / "node_type").partition(":")[0]

    def belongs(self, name: str, link: Link) -> bool:
        """Whether the RDMA device is the interface's: by its function for IPoIB, by its GIDs and ``parent`` for others."""
        if text(self._class / "net" / link.name / "ifindex") != str(link.identity.ifindex):
            return False
        if link.encapsulation == INFINIBAND:
            return (self._class / "net" / link.name / "device" / INFINIBAND / name).exists()
        return link.name in self._interfaces(name)

    def interface(self, name: str) -> int | None:
        """The index of an interface that is the RDMA device's, where sysfs shows one."""
        beside = (entry for entry in _entries(self._class / INFINIBAND / name / "device" / "net"))
        ipoib = {entry.name for entry in beside if text(entry / "type") == ARPHRD_INFINIBAND}
        indexes = (text(self._class / "net" / link / "ifindex") for link in ipoib | self._interfaces(name))
        return min((int(index) for index in indexes if index.isdigit()), default=None)

    def nodes(self, name: str) -> tuple[DeviceNode, ...]:
        """The character devices of the RDMA device of that name, and the connection manager's; none without verbs."""
        verbs = tuple(self._of(VERBS, "uverbs", name))
        if not verbs:
            return ()
        management = [*self._of(MANAGEMENT, "umad", name), *self._of(MANAGEMENT, "issm", name)]
        return in_order((*verbs, *management, *_made("rdma_cm", self._class / "misc" / "rdma_cm")))

    def _of(self, group: str, kind: str, name: str) -> Iterator[DeviceNode]:
        for entry in _entries(self._class / group):
            if entry.name.startswith(kind) and text(entry / "ibdev") == name:
                yield from _made(kind, entry)

    def _interfaces(self, name: str) -> frozenset[str]:
        device = self._class / INFINIBAND / name
        paths = (path for port in _entries(device / "ports") for path in _entries(port / "gid_attrs" / "ndevs"))
        return frozenset(filter(None, (text(device / "parent"), *map(text, paths))))


def _made(kind: str, entry: Path) -> Iterator[DeviceNode]:
    numbers = NUMBERS.fullmatch(text(entry / "dev"))
    if numbers:
        yield node(kind, entry.name, int(numbers[1]), int(numbers[2]))


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []
