"""Builds a tree of sysfs from what is plugged in, in the form that Linux gives it (Documentation/ABI/*/sysfs-*)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

BRIDGE = "0x060400"
Files = dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """What is printed on a card. Ids are four hex digits, ``code`` the six of its class."""

    vendor: str
    device: str
    code: str
    driver: str = ""
    subsystem: tuple[str, str] = ("", "")


class Machine:
    """The tree below ``root``. Places are paths below ``/sys/devices``, as in ``pci0000:15/0000:15:01.0/0000:16:00.0``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ifindex = 0
        for directory in ("devices/virtual/net", "class/net", "class/infiniband", "bus/pci/devices"):
            (root / directory).mkdir(parents=True)
        self.net("virtual", "lo", {"type": "772", "flags": "0x9", "address": "00:00:00:00:00:00", "mtu": "65536"})

    def node(self, number: int, *, first_cpu: int, package: int, distances: str) -> None:
        """A NUMA node; without processors when ``first_cpu`` is -1."""
        directory = f"devices/system/node/node{number}"
        cpus = f"{first_cpu}-{first_cpu + 7}" if first_cpu >= 0 else ""
        self._write(directory, {"distance": distances, "cpulist": cpus})
        if first_cpu >= 0:
            place = f"devices/system/cpu/cpu{first_cpu}/topology"
            self._write(place, {"physical_package_id": str(package)})

    def function(self, place: str, product: Product, *, node: int = -1, files: Files | None = None) -> str:
        """A PCI function, with the bridges above it; its place again."""
        *above, _address = place.split("/")
        for depth in range(2, len(above) + 1):
            self._function("/".join(above[:depth]), {"class": BRIDGE, "vendor": "0x8086", "numa_node": str(node)})
        told = {
            "class": f"0x{product.code}",
            "vendor": f"0x{product.vendor}",
            "device": f"0x{product.device}",
            "subsystem_vendor": f"0x{product.subsystem[0]}",
            "subsystem_device": f"0x{product.subsystem[1]}",
            "numa_node": str(node),
        }
        self._function(place, {**told, **(files or {})})
        if product.driver:
            self._link(f"devices/{place}/driver", f"bus/pci/drivers/{product.driver}")
        return place

    def group(self, place: str, number: int) -> None:
        """Put a function into an IOMMU group."""
        self._link(f"devices/{place}/iommu_group", f"kernel/iommu_groups/{number}")

    def virtual_function(self, physical: str, index: int, place: str, product: Product, node: int = -1) -> str:
        """A virtual function of a physical one; its place again."""
        self.function(place, product, node=node)
        self._link(f"devices/{place}/physfn", f"devices/{physical}")
        self._link(f"devices/{physical}/virtfn{index}", f"devices/{place}")
        count = len(list((self.root / "devices" / physical).glob("virtfn*")))
        self._write(f"devices/{physical}", {"sriov_numvfs": str(count)})
        return place

    def net(self, place: str, name: str | bytes, files: Files | None = None) -> None:
        """An interface of a function, or one of ``virtual``."""
        self._ifindex += 1
        raw = name if isinstance(name, bytes) else name.encode()
        directory = os.path.join(os.fsencode(self.root / "devices" / place / "net"), raw)
        mac = f"02:00:00:00:{self._ifindex >> 8:02x}:{self._ifindex & 0xFF:02x}"
        told = {
            "ifindex": str(self._ifindex),
            "address": mac,
            "mtu": "1500",
            "operstate": "up",
            "type": "1",
            "flags": "0x1003",
            "ifalias": "",
            "dev_port": "0",
            "uevent": f"INTERFACE={os.fsdecode(raw)}",
        }
        self._write(os.fsdecode(os.path.relpath(directory, os.fsencode(self.root))), {**told, **(files or {})})
        if place != "virtual":
            os.symlink(self.root / "devices" / place, os.path.join(directory, b"device"))
        os.symlink(directory, os.path.join(os.fsencode(self.root / "class/net"), raw))

    def rdma(self, place: str, name: str, files: Files, node_type: str = "1: CA") -> None:
        """An RDMA device of a function; ``files`` are below its directory."""
        directory = f"devices/{place}/infiniband/{name}"
        self._write(directory, {"node_type": node_type, **files})
        self._link(f"{directory}/device", f"devices/{place}")
        self._link(f"class/infiniband/{name}", directory)

    def _function(self, place: str, files: Files) -> None:
        address = place.rpartition("/")[2]
        self._write(f"devices/{place}", files)
        if not (self.root / "bus/pci/devices" / address).is_symlink():
            self._link(f"bus/pci/devices/{address}", f"devices/{place}")

    def _link(self, path: str, target: str) -> None:
        os.symlink(self.root / target, self.root / path)

    def _write(self, directory: str, files: Files) -> None:
        for name, content in files.items():
            path = self.root / directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.fsencode(content) + b"\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Roce:
    """Files of a RoCE device with one port, whose interface has an IPv4 address."""

    interface: str
    guid: str
    rate: str = "400 Gb/sec (4X NDR)"
    state: str = "4: ACTIVE"
    gid: str = "0000:0000:0000:0000:0000:ffff:c000:0207"
    firmware: str = "28.39.1002"
    own: Files = field(default_factory=dict)

    def files(self) -> Files:
        """By their path below the device."""
        local = "fe80:0000:0000:0000:0200:00ff:fe00:0001"
        table: Files = {}
        for index, (gid, kind) in enumerate(
            [(local, "IB/RoCE v1"), (local, "RoCE v2"), (self.gid, "IB/RoCE v1"), (self.gid, "RoCE v2")]
        ):
            table[f"ports/1/gids/{index}"] = gid
            table[f"ports/1/gid_attrs/types/{index}"] = kind
            table[f"ports/1/gid_attrs/ndevs/{index}"] = self.interface
        return {
            "node_guid": self.guid,
            "fw_ver": self.firmware,
            "ports/1/state": self.state,
            "ports/1/phys_state": "5: LinkUp",
            "ports/1/rate": self.rate,
            "ports/1/link_layer": "Ethernet",
            "ports/1/lid": "0x0",
            **table,
            **self.own,
        }


def infiniband(guid: str, rate: str = "400 Gb/sec (4X NDR)", state: str = "4: ACTIVE") -> Files:
    """Files of an InfiniBand device with one port."""
    return {
        "node_guid": guid,
        "fw_ver": "28.39.1002",
        "ports/1/state": state,
        "ports/1/phys_state": "5: LinkUp",
        "ports/1/rate": rate,
        "ports/1/link_layer": "InfiniBand",
        "ports/1/lid": "0x1f",
        "ports/1/gids/0": f"fe80:0000:0000:0000:{guid}",
    }
