"""The hardware behind an interface: PCI function, PCIe root, NUMA node.

``/sys/class/net`` shows the namespace that sysfs was mounted in, which need not be ours; so what it shows under a name is
believed only if the index is the same. ``/sys/bus/pci`` shows all to all.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from adapters.sysfs.files import number, text
from adapters.sysfs.names import PciNames
from adapters.sysfs.pci import ADDRESS, PciTree
from ports.devices import Link
from ports.hardware import Hardware, LinkDetails

SUB_FUNCTION = re.compile(r".+\.sf\.([0-9]+)")
OWN_PORT = re.compile(r"p([0-9]+)")  # phys_port_name of a port of the card itself
SEVERAL_PORTS = ("nfp", "mlxsw", "prestera")  # drivers with all ports of a card on one function


class SysfsHardware:
    """Implements ``ports.discovery.HardwareFacts`` and ``PciFunctions`` below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: str, names: PciNames | None = None) -> None:
        self._root = Path(os.path.realpath(root))
        self._pci = PciTree(self._root, names or PciNames())

    def hardware(self, link: Link) -> Hardware | None:
        """Facts of one interface."""
        place = self._place(link)
        address = link.identity.pci_address or (_pci_above(place) if place else None)
        if address:
            function = self._pci.function(address)
            return _of_function(function, self._root / "devices" / place) if place else function
        return Hardware(virtual=place.parts[:1] == ("virtual",)) if place else None

    def function(self, pci_address: str) -> Hardware:
        """Facts of a PCI function that has no interface."""
        return self._pci.function(pci_address)

    def functions(self) -> tuple[Hardware, ...]:
        """All PCI functions but bridges."""
        return self._pci.functions()

    def _place(self, link: Link) -> Path | None:
        """Where the interface is below ``/sys/devices``."""
        shown = self._root / "class" / "net" / link.name
        if text(shown / "ifindex") != str(link.identity.ifindex):
            return None
        return _below(Path(os.path.realpath(shown)), self._root / "devices")


def _of_function(function: Hardware, directory: Path) -> Hardware:
    name, switch = text(directory / "phys_port_name"), text(directory / "phys_switch_id")  # EOPNOTSUPP for most drivers
    port = _port(directory, name, function)
    details = LinkDetails(port_name=name, switch_id=switch)
    return replace(function, port=port, details=details)


def _port(directory: Path, name: str, function: Hardware) -> str:
    """What tells this interface from the main one of its function; empty for the main one."""
    for place in directory.parents:
        if match := SUB_FUNCTION.fullmatch(place.name):
            return f"sf{text(place / 'sfnum') or match[1]}"  # the number an administrator gave, else the kernel's own
    if name and not _is_main(name, function):
        return name
    port = number(directory / "dev_port") or 0
    return f"port{port}" if port not in (0, _digit(function.pci_address)) else ""


def _is_main(name: str, function: Hardware) -> bool:
    """Cards with a function for each port call the ports of all functions p0, p1, ...; a few have all on one function."""
    own = OWN_PORT.fullmatch(name)
    return own is not None and (own[1] == "0" or not function.function.driver.startswith(SEVERAL_PORTS))


def _digit(address: str | None) -> int:
    """The function's number in its slot: where there is one for each port, drivers number the ports alike."""
    return int((address or "0")[-1], 16)


def _pci_above(place: Path) -> str | None:
    if any(part.startswith("usb") for part in place.parts):
        return None  # the PCI function above is the USB controller
    return next((part for part in reversed(place.parts) if ADDRESS.fullmatch(part)), None)


def _below(path: Path, parent: Path) -> Path | None:
    return path.relative_to(parent) if path.is_relative_to(parent) else None
