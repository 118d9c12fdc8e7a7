"""PCI functions: what they are, where they sit, and which virtual function is whose.

``/sys/bus/pci`` shows all to every namespace. What cannot change while a function is there is read once: sysfs gives each
directory a number of its own, so another device at the same address is noticed.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from adapters.sysfs.errors import pci_errors
from adapters.sysfs.files import entries, hexadecimal, number, target, text, whole
from adapters.sysfs.names import PciNames
from adapters.sysfs.numa import NumaNodes
from ports.hardware import REPRESENTOR, Hardware, PciFacts

ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
BRIDGE = "0604"
REMEMBERED = 8192


class PciTree:
    """PCI below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: Path, names: PciNames) -> None:
        self._root = root
        self._names = names
        self._nodes = NumaNodes(root)
        self._known: dict[tuple[str, int], Hardware] = {}
        self._indexes: dict[tuple[str, int, int], dict[str, int]] = {}

    def function(self, address: str) -> Hardware:
        """One function, as it is now."""
        place = Path(os.path.realpath(self._root / "bus/pci/devices" / address))
        known = self._static(address, place)
        return replace(known, function=self._with_functions(known.function, address, place))

    def functions(self) -> tuple[Hardware, ...]:
        """All functions but bridges, by address."""
        found = (self.function(name) for name in entries(self._root / "bus/pci/devices") if ADDRESS.fullmatch(name))
        return tuple(one for one in found if not one.function.class_code.startswith(BRIDGE))

    def _static(self, address: str, place: Path) -> Hardware:
        try:
            key = (address, os.stat(place).st_ino)
        except OSError:
            return Hardware(virtual=False, pci_address=address)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = self._read(address, place)
        return self._known[key]

    def _read(self, address: str, place: Path) -> Hardware:
        below = place.relative_to(self._root / "devices").parts if place.is_relative_to(self._root / "devices") else ()
        node = number(place / "numa_node")
        placed = below[-1:] == (address,) and below[0].startswith("pci")
        return Hardware(
            virtual=False,
            pci_address=address,
            pcie_root=below[0] if placed else None,
            numa_node=node,
            near_nodes=() if node is None else self._nodes.near(node),
            function=self._identified(place, tuple(filter(ADDRESS.fullmatch, below[1:-1])) if placed else ()),
        )

    def _identified(self, place: Path, bridges: tuple[str, ...]) -> PciFacts:
        vendor, device = hexadecimal(place / "vendor"), hexadecimal(place / "device")
        vendor_name, device_name = self._names(vendor, device)
        return PciFacts(
            vendor=vendor,
            device=device,
            subsystem_vendor=hexadecimal(place / "subsystem_vendor"),
            subsystem=hexadecimal(place / "subsystem_device"),
            class_code=hexadecimal(place / "class"),
            vendor_name=vendor_name,
            device_name=device_name,
            bridges=bridges,
            total_vfs=number(place / "sriov_totalvfs"),
        )

    def _with_functions(self, known: PciFacts, address: str, place: Path) -> PciFacts:
        """With what does change: driver, IOMMU group, and the relations of physical and virtual functions."""
        group, physical = target(place / "iommu_group"), target(place / "physfn")
        now = replace(
            known,
            driver=target(place / "driver"),
            iommu_group=whole(group),
            vfs=number(place / "sriov_numvfs"),
            errors=pci_errors(place),
        )
        return self._with_parent(now, address, physical) if ADDRESS.fullmatch(physical) else now

    def _with_parent(self, known: PciFacts, address: str, physical: str) -> PciFacts:
        place = self._root / "bus/pci/devices" / physical
        return replace(
            known,
            physical=physical,
            physical_interface=_main_interface(place / "net"),
            vf=self._virtual_functions(physical, place).get(address),
        )

    def _virtual_functions(self, physical: str, place: Path) -> dict[str, int]:
        """The addresses of a physical function's virtual ones with their indexes, read once for each set of them."""
        try:
            key = (physical, os.stat(place).st_ino, number(place / "sriov_numvfs") or 0)
        except OSError:
            return {}
        if key not in self._indexes:
            self._indexes = {other: found for other, found in self._indexes.items() if other[0] != physical}
            links = ((name, whole(name.removeprefix("virtfn"))) for name in entries(place) if name.startswith("virtfn"))
            self._indexes[key] = {target(place / name): index for name, index in links if index is not None}
        return self._indexes[key]


def _main_interface(directory: Path) -> str:
    """The function's own interface: in switchdev mode its representors are beside it."""
    names = entries(directory)
    return next((name for name in names if not REPRESENTOR.fullmatch(text(directory / name / "phys_port_name"))), "")
