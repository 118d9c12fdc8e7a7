"""The guest's cards: virtual functions made and removed, interfaces found by their PCI address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.eventually import eventually

NET = Path("/sys/class/net")
PCI = Path("/sys/bus/pci/devices")


@contextmanager
def virtual_functions(card: str, count: int) -> Iterator[tuple[str, ...]]:
    """PCI addresses of the virtual functions of an SR-IOV card, which have their interfaces; removed afterwards."""
    number = NET / card / "device" / "sriov_numvfs"
    number.write_text(str(count))
    try:
        places = [(NET / card / "device" / f"virtfn{index}").resolve() for index in range(count)]
        addresses = tuple(place.name for place in places)
        eventually(lambda: all(interfaces(address) for address in addresses), seconds=60)
        yield addresses
    finally:
        number.write_text("0")


def interfaces(address: str) -> tuple[str, ...]:
    """The names of the interfaces of a PCI function, as far as they are in the namespace of the host."""
    directory = PCI / address / "net"
    return tuple(sorted(path.name for path in directory.iterdir())) if directory.exists() else ()
