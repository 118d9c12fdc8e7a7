"""Every attribute that we publish, in the order of importance, with what it means and where it comes from.

A device may have 32 attributes and capacities. Some cards have more to tell; then those at the end of this list are left
out. What the node's administrator or a cloud provider adds was asked for, and stands before all that is merely good to
know. The reference for users is this table (``docs/reference/attributes.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ports.devices import AttributeValue

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Known:
    """One attribute. ``name`` is under the driver's domain unless it has one; ``type`` is string, int, bool, or lists."""

    name: str
    type: str
    meaning: str
    source: str


SYSFS, NETLINK, ETHTOOL, RDMA, DEVLINK = "sysfs", "rtnetlink", "ethtool netlink", "sysfs, NETLINK_RDMA", "devlink"
ESSENTIAL = (
    Known("resource.kubernetes.io/pcieRoot", "string", "root complex, `pci0000:3a`; to be matched with a GPU's", SYSFS),
    Known(
        "resource.kubernetes.io/numaNode",
        "int or list of ints",
        "NUMA node, followed by the nearest other nodes of its socket where a socket has several",
        SYSFS,
    ),
    Known(
        "resource.kubernetes.io/pciBusID", "string", "PCI address, `0000:3b:00.1`; not in domains beyond ffff", SYSFS
    ),
    Known("ifName", "string", "name of the interface; a device without one has no interface", NETLINK),
    Known("type", "string", "kind of link: `device` for hardware, else `veth`, `vlan`, `bond`, ...", NETLINK),
    Known("virtual", "bool", "whether the interface is software", SYSFS),
    Known("rdma", "bool", "whether there is an RDMA device; always there", RDMA),
    Known("rdmaDevice", "string", "name of the RDMA device, the first where there are several", RDMA),
    Known("state", "string", "operational state (RFC 2863): `up`, `down`, `lower-layer-down`, `unknown`, ...", NETLINK),
    Known("pciAddress", "string", "PCI address with its domain", SYSFS),
    Known("numaNode", "int", "NUMA node; absent where the kernel knows none", SYSFS),
    Known("mac", "string", "hardware address", NETLINK),
    Known("mtu", "int", "MTU in bytes", NETLINK),
    Known("encapsulation", "string", "hardware type: `ether`, `infiniband`, `none`, ...", NETLINK),
    Known("sriov", "bool", "whether the function can have virtual functions", SYSFS),
    Known("sriovVfs", "int", "virtual functions that there are now; only where there can be some", SYSFS),
    Known("isSriovVf", "bool", "true for a virtual function, else absent", SYSFS),
    Known(
        "ebpf",
        "bool",
        "whether an eBPF program is on the interface (tc, XDP, and TCX and netkit where told)",
        "tc, bpf(2)",
    ),
    Known("ipv4", "string", "IPv4 addresses with prefix length, sorted, comma-separated, as many as fit", NETLINK),
    Known("ipv6", "string", "IPv6 addresses likewise, without link-local ones", NETLINK),
    Known("pciVendor", "string", "name of the vendor", "pci.ids"),
    Known("pciDevice", "string", "name of the device", "pci.ids"),
    Known("pciSubsystem", "string", "subsystem id, four hex digits", SYSFS),
)
FURTHER = (
    Known("linkSpeed", "int", "Mb/s as negotiated; absent without a carrier", ETHTOOL),
    Known("linkLayer", "string", "`Ethernet` or `InfiniBand`; only with RDMA", RDMA),
    Known("rdmaState", "string", "`active`, `down`, `init`, `armed`, `active-defer`", RDMA),
    Known(
        "pcieSwitch", "string", "PCI address of the nearest PCIe switch's upstream port; absent without a switch", SYSFS
    ),
    Known("pfName", "string", "of a virtual function: its physical function's interface", SYSFS),
    Known("pfPciAddress", "string", "of a virtual function: its physical function's PCI address", SYSFS),
    Known("vfIndex", "int", "of a virtual function: its index, from 0", SYSFS),
    Known("driver", "string", "the kernel driver", SYSFS),
    Known("pciVendorID", "string", "vendor id, four hex digits", SYSFS),
    Known("pciDeviceID", "string", "device id, four hex digits", SYSFS),
    Known("alias", "string", "the interface's alias (`ip link set ... alias`), often empty", NETLINK),
    Known("tcFilterNames", "string", "names of eBPF filters in tc, comma-separated; only where there are some", "tc"),
    Known("tcxProgramNames", "string", "names of TCX programs likewise; only where the kernel tells", "bpf(2)"),
    Known("eswitchMode", "string", "`legacy` or `switchdev`: of the function, or of a virtual function's PF", DEVLINK),
    Known("roceV2GidIndex", "int", "index of the RoCE v2 GID, one of an IPv4 address before others", RDMA),
    Known("rdmaRate", "int", "Mb/s of the RDMA port", RDMA),
    Known("portGuid", "string", "GUID of the InfiniBand port", RDMA),
    Known("nodeGuid", "string", "GUID of the RDMA device", RDMA),
    Known("lldpSystem", "string", "name of the switch at the other end of the cable", "LLDP file"),
    Known("lldpPort", "string", "its port", "LLDP file"),
    Known("lldpChassis", "string", "its chassis id", "LLDP file"),
    Known("firmwareVersion", "string", "firmware as the driver tells it", ETHTOOL),
    Known("sriovTotalVfs", "int", "virtual functions that there can be", SYSFS),
    Known("iommuGroup", "int", "number of the IOMMU group", SYSFS),
    Known("portName", "string", "name of the port of an embedded switch, `p0`", NETLINK),
    Known("switchID", "string", "id of the embedded switch", NETLINK),
    Known("pciSubsystemVendorID", "string", "subsystem's vendor id, four hex digits", SYSFS),
    Known("duplex", "string", "`full` or `half`", ETHTOOL),
    Known("driverVersion", "string", "version of the driver; the kernel's for those that come with it", ETHTOOL),
)
CATALOGUE = (*ESSENTIAL, *FURTHER)
_RANKS = {known.name: place for place, known in enumerate(ESSENTIAL)} | {
    known.name: place for place, known in enumerate(FURTHER, len(ESSENTIAL) + 1)
}


def qualified(values: Mapping[str, V], driver: str) -> dict[str, V]:
    """With the driver's domain where a name has none."""
    return {name if "/" in name else f"{driver}/{name}": value for name, value in values.items()}


def rank(name: str, driver: str) -> int:
    """How early a qualified attribute stands; what is not of this table stands before what is merely good to know."""
    return _RANKS.get(name.removeprefix(f"{driver}/"), len(ESSENTIAL))


def ordered(attributes: Mapping[str, AttributeValue], driver: str) -> dict[str, AttributeValue]:
    """By importance, and by name where that is equal."""
    return dict(sorted(attributes.items(), key=lambda each: (rank(each[0], driver), each[0])))
