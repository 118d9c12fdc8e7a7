"""The PCI function behind a network device, from any namespace.

``/sys/class/net`` shows only the links of the namespace that sysfs was mounted in; the kernel's name of the parent device
leads to ``/sys/bus``, which shows all.
"""

from __future__ import annotations

import glob
import os
import re

ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")
PARTS_OF_PCI = ("virtio", "auxiliary")
_NAME = re.compile(r"[A-Za-z0-9_.:+-]+")


class PciAddresses:
    """Finds the PCI address of a (bus, device); virtio and auxiliary devices have theirs further up the tree.

    A device on another bus (USB) hangs below a controller that is a PCI function too, but is not it.
    """

    def __init__(self, sysfs_root: str) -> None:
        self._root = sysfs_root

    def __call__(self, bus: str, device: str) -> str | None:
        """The address (``0000:3b:00.1``), None when no device above is a PCI function."""
        if bus == "pci":
            return device
        if bus not in PARTS_OF_PCI or not _NAME.fullmatch(device):
            return None
        path = os.path.realpath(os.path.join(self._root, "bus", bus, "devices", device))
        return next((part for part in reversed(path.split("/")) if ADDRESS.fullmatch(part)), None)

    def is_virtual(self, address: str) -> bool:
        """Whether it is a virtual function (SR-IOV)."""
        return os.path.lexists(os.path.join(self._root, "bus/pci/devices", address, "physfn"))

    def number(self, address: str) -> int | None:
        """Which of its physical function's a virtual function is; None for what is none."""
        pattern = os.path.join(self._root, "bus/pci/devices", address, "physfn/virtfn*")
        numbers = (path.rpartition("virtfn")[2] for path in glob.glob(pattern) if _leads_to(path, address))
        return next((int(number) for number in numbers if number.isdecimal()), None)

    def physical_mtu(self, address: str) -> int | None:
        """The MTU of the physical function of a virtual one; None for what is none, or whose PF has no interface here."""
        for name in self.physical_interfaces(address):
            try:
                with open(self._beside(address, name, "mtu"), encoding="ascii") as file:
                    return int(file.read())
            except (OSError, ValueError):  # gone meanwhile
                continue
        return None

    def physical_interfaces(self, address: str) -> tuple[str, ...]:
        """The names of the interfaces of the physical function of a virtual one; none of what is none."""
        return tuple(os.path.basename(path) for path in sorted(glob.glob(self._beside(address, "*"))))

    def _beside(self, address: str, *parts: str) -> str:
        return os.path.join(self._root, "bus/pci/devices", address, "physfn/net", *parts)


def _leads_to(path: str, address: str) -> bool:
    return os.path.basename(os.path.realpath(path)) == address
