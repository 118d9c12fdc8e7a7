"""Uncorrectable errors of PCI functions, as the kernel counts them (sysfs-bus-pci-devices-aer_stats)."""

from __future__ import annotations

from pathlib import Path

from adapters.sysfs.files import text

FILES = ("aer_dev_fatal", "aer_dev_nonfatal")
TOTAL = "TOTAL_ERR_"


class SysfsErrors:
    """Implements ``ports.controls.ErrorCounts``."""

    def __init__(self, root: str = "/sys") -> None:
        self._root = Path(root)

    def of(self, pci_address: str) -> tuple[int, ...]:
        """Fatal and non-fatal ones of the function at that address."""
        return pci_errors(self._root / "bus/pci/devices" / pci_address)


def pci_errors(place: Path) -> tuple[int, ...]:
    """How many were fatal and how many were not; empty for a function without AER, or where others handle it."""
    counts = tuple(_total(text(place / name)) for name in FILES)
    return tuple(count for count in counts if count is not None) if None not in counts else ()


def _total(content: str) -> int | None:
    """The last line of the file, which is the sum of the others."""
    for line in content.splitlines():
        name, _, count = line.rpartition(" ")
        if name.startswith(TOTAL) and count.isascii() and count.isdigit():
            return int(count)
    return None
