"""Ids and driver of a PCI function, and nothing else: for those who must not take long."""

from __future__ import annotations

from pathlib import Path

from adapters.sysfs.files import hexadecimal, target
from ports.hardware import PciFacts


class SysfsIdentity:
    """Implements ``ports.exclusions.FunctionFacts`` below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: str) -> None:
        self._devices = Path(root) / "bus/pci/devices"

    def identity(self, pci_address: str) -> PciFacts:
        """Its ids and its driver."""
        place = self._devices / pci_address
        return PciFacts(
            vendor=hexadecimal(place / "vendor"), device=hexadecimal(place / "device"), driver=target(place / "driver")
        )
