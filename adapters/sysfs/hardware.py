"""The hardware behind an interface: PCI function, PCIe root, NUMA node.

``/sys/class/net`` shows the namespace that sysfs was mounted in, which need not be ours; so what it shows under a name is
believed only if the index is the same. ``/sys/bus/pci`` shows all to all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ports.devices import Link
from ports.discovery import Hardware

PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
SUB_FUNCTION = re.compile(r".+\.sf\.([0-9]+)")
MAIN_PORT = re.compile(r"p[0-9]+")  # phys_port_name of a function's own port; a representor's is pf0vf1, pf0sf88


class SysfsHardware:
    """Implements ``ports.discovery.HardwareFacts`` below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: str) -> None:
        self._root = Path(os.path.realpath(root))

    def hardware(self, link: Link) -> Hardware | None:
        """Facts of one interface."""
        place = self._place(link)
        address = link.identity.pci_address or (_pci_above(place) if place else None)
        if address:
            return self._function(address, _port(place, self._root / "devices" / place) if place else "")
        return Hardware(virtual=place.parts[:1] == ("virtual",)) if place else None

    def function(self, pci_address: str) -> Hardware:
        """Facts of a PCI function that has no interface."""
        return self._function(pci_address, "")

    def _place(self, link: Link) -> Path | None:
        """Where the interface is below ``/sys/devices``."""
        shown = self._root / "class" / "net" / link.name
        if _read(shown / "ifindex") != str(link.identity.ifindex):
            return None
        return _below(Path(os.path.realpath(shown)), self._root / "devices")

    def _function(self, address: str, port: str) -> Hardware:
        function = Path(os.path.realpath(self._root / "bus" / "pci" / "devices" / address))
        below = _below(function, self._root / "devices")
        root = below.parts[0] if below and below.name == address and below.parts[0].startswith("pci") else None
        node = _read(function / "numa_node")
        return Hardware(
            virtual=False,
            pci_address=address,
            pcie_root=root,
            numa_node=int(node) if node.isdigit() else None,
            port=port,
        )


def _port(place: Path, directory: Path) -> str:
    """What tells this interface from the main one of its function; empty for the main one."""
    for part in place.parts:
        if match := SUB_FUNCTION.fullmatch(part):
            return f"sf{match[1]}"
    name = _read(directory / "phys_port_name")  # EOPNOTSUPP for most drivers
    if name and not MAIN_PORT.fullmatch(name):
        return name
    number = _read(directory / "dev_port")
    return f"port{number}" if number.isdigit() and number != "0" else ""


def _pci_above(place: Path) -> str | None:
    if any(part.startswith("usb") for part in place.parts):
        return None  # the PCI function above is the USB controller
    return next((part for part in reversed(place.parts) if PCI.fullmatch(part)), None)


def _below(path: Path, parent: Path) -> Path | None:
    return path.relative_to(parent) if path.is_relative_to(parent) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
