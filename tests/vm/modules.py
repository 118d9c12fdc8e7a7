"""Which kernel modules the guest loads, and in which order.

All are loaded by name before anything runs: there is no udev inside, and loading on demand would take a modprobe.
"""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

from tests.support import debian
from tests.vm import packages

NEEDED = (
    *("virtio_pci", "virtio_console", "virtio_rng", "9p", "9pnet_virtio", "overlay"),
    *("virtio_net", "e1000e", "vmxnet3", "igb", "igbvf"),
    *("veth", "bridge", "bonding", "dummy", "8021q", "ipvlan", "macvlan", "vrf", "ifb", "vxlan", "tun"),
    *("sch_htb", "sch_fq", "sch_prio", "sch_sfq", "sch_tbf", "cls_flower", "cls_matchall", "cls_u32", "cls_fw"),
    *("act_gact", "act_vlan", "act_police"),
    *("sch_ingress", "cls_bpf", "act_mirred", "ib_core", "ib_uverbs", "rdma_cm", "rdma_ucm"),
)
ARGUMENTS = {"dummy": "numdummies=0", "ifb": "numifbs=0", "bonding": "max_bonds=0"}  # no devices when it is loaded
STOCK_RDMA = ("crc32_generic", "rdma_rxe")  # the checksum is asked for by name, which finds no dependency


class Modules:
    """The modules of one kernel's packages, which lie below ``tree``."""

    def __init__(self, tree: Path) -> None:
        [self._directory] = (tree / "usr/lib/modules").iterdir()
        self.release = self._directory.name
        kmod = debian.loaded(packages.emulator(), "../sbin/depmod")
        subprocess.run([*kmod, "-b", str(tree), self.release], check=True)
        self._needs = self._dependencies()
        builtin = (self._directory / "modules.builtin").read_text().split()
        self._builtin = {_name(path) for path in builtin}

    def order(self, names: tuple[str, ...]) -> list[Path]:
        """The files of these modules and of all that they need, each after those that it needs."""
        found: dict[Path, None] = {}
        for name in names:
            if name in self._builtin:
                continue
            if name not in self._needs:
                raise debian.Unavailable(f"Linux {self.release} has no module {name}")
            found.update(dict.fromkeys(self._directory / path for path in reversed(self._needs[name])))
        return list(found)

    def _dependencies(self) -> dict[str, list[str]]:
        lines = (self._directory / "modules.dep").read_text().splitlines()
        pairs = (line.split(":", 1) for line in lines)
        return {_name(path): [path, *others.split()] for path, others in pairs}


def load_line(path: Path) -> str:
    """What the guest is told: the file and its arguments."""
    return f"{file_name(path)} {ARGUMENTS.get(_name(path.name), '')}".rstrip()


def file_name(path: Path) -> str:
    """The module's file name once it is unpacked."""
    return path.name.removesuffix(".xz")


def content(path: Path) -> bytes:
    """The module itself: unpacking is left neither to the guest's kernel nor to its emulated processor."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _name(path: str) -> str:
    return Path(path).name.split(".ko")[0].replace("-", "_")
