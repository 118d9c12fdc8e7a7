"""Made sysfs trees."""

from __future__ import annotations

import os
from pathlib import Path

from ports.devices import Identity, Link


def a_link(name: str = "ens1", ifindex: int = 7, kind: str = "", pci: str | None = None, **more: object) -> Link:
    """A link with plain values."""
    identity = Identity(ifindex=ifindex, link_kind=kind, pci_address=pci)
    values: dict[str, object] = {"mac": "02:00:5e:10:00:01", "mtu": 1500, "up": True, "operstate": "up", **more}
    return Link(identity=identity, name=name, **values)  # type: ignore[arg-type]


class Tree:
    """A sysfs below ``root`` to which devices are added by their path below ``/sys/devices``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for directory in ("devices", "class/net", "bus/pci/devices", "bus/virtio/devices", "bus/auxiliary/devices"):
            (root / directory).mkdir(parents=True)

    def bus_device(self, bus: str, path: str, **files: str) -> None:
        """A device on a bus."""
        self._directory(f"devices/{path}", files)
        os.symlink(self.root / "devices" / path, self.root / "bus" / bus / "devices" / Path(path).name)

    def interface(self, path: str, ifindex: int = 7, files: dict[str, str] | None = None) -> None:
        """An interface; its name is the end of the path."""
        self._directory(f"devices/{path}", {"ifindex": str(ifindex), "dev_port": "0", **(files or {})})
        os.symlink(self.root / "devices" / path, self.root / "class" / "net" / Path(path).name)

    def _directory(self, path: str, files: dict[str, str]) -> None:
        directory = self.root / path
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (directory / name).write_text(f"{content}\n")
