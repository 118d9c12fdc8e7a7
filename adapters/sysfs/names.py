"""Names of PCI vendors and devices, from the table that lspci uses too (https://pci-ids.ucw.cz/).

The table has some 40,000 lines and a machine has a handful of different devices. So it is not kept: what is asked for is
looked up by its place in the text, and the answers are remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PLACES: tuple[str, ...] = (
    "/usr/share/misc/pci.ids",
    "/usr/share/hwdata/pci.ids",
    "/usr/share/pci.ids",
    "/var/lib/pciutils/pci.ids",
)


class PciNames:
    """Looks in the first of ``places`` that can be read; without one, nothing has a name."""

    def __init__(self, places: Iterable[str] | None = None) -> None:
        self._places = tuple(PLACES if places is None else places)
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    def __call__(self, vendor: str, device: str) -> tuple[str, str]:
        """The names of a vendor and of its device by their four hex digits; empty for what is not in the table."""
        key = (vendor, device)
        if key not in self._known:
            self._known[key] = _found(self._table(), vendor, device) if vendor else ("", "")
        return self._known[key]

    def _table(self) -> bytes:
        for place in self._places:
            try:
                return b"\n" + Path(place).read_bytes()
            except OSError:
                continue
        return b""


def _found(table: bytes, vendor: str, device: str) -> tuple[str, str]:
    start = table.find(b"\n" + vendor.encode() + b"  ")
    if start < 0:
        return "", ""
    section = _section(table, start + 1)
    place = section.find(b"\n\t" + device.encode() + b"  ") if device else -1
    return _name(section, 0), _name(section, place + 2) if place >= 0 else ""


def _section(table: bytes, start: int) -> bytes:
    """A vendor's line and the indented ones below it, with comments in between."""
    end = table.find(b"\n", start)
    while 0 <= end < len(table) - 1 and table[end + 1 : end + 2] in (b"\t", b"#", b"\n"):
        end = table.find(b"\n", end + 1)
    return table[start:] if end < 0 else table[start:end]


def _name(section: bytes, line: int) -> str:
    """What follows the id and two spaces."""
    return section[line:].split(b"\n", 1)[0][6:].decode("utf-8", "replace").strip()
