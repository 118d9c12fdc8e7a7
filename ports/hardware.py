"""What there is to know of a device beyond its link: PCI, the wire, the driver, RDMA ports. Facts, each possibly unknown.

An empty text and None mean "not known here": a driver that does not tell, a kernel that is too old, a right that is not
given. No fact depends on another one's being known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ports.devices import Program

REPRESENTOR = re.compile(r"(c\d+)?pf\d+((vf|sf)\d+)?|\d+")  # devlink's port names; old drivers give a VF's bare number


@dataclass(frozen=True, kw_only=True, slots=True)
class PciFacts:
    """What a PCI function is and where it sits.

    Ids are four hex digits; ``class_code`` is six (``020000`` Ethernet controller). ``bridges`` are the addresses of the
    PCI bridges above it, from the root port down. ``physical`` is the PF of a virtual function, ``physical_interface``
    the PF's interface where the host has it, ``vf`` the index in it. ``vfs`` and ``total_vfs`` are a PF's.
    ``errors`` are the uncorrectable ones that were counted, fatal and non-fatal; empty: nobody counts.
    """

    vendor: str = ""
    device: str = ""
    subsystem_vendor: str = ""
    subsystem: str = ""
    class_code: str = ""
    vendor_name: str = ""
    device_name: str = ""
    driver: str = ""
    bridges: tuple[str, ...] = ()
    iommu_group: int | None = None
    physical: str | None = None
    physical_interface: str = ""
    vf: int | None = None
    vfs: int | None = None
    total_vfs: int | None = None
    errors: tuple[int, ...] = ()

    @property
    def switches(self) -> tuple[str, ...]:
        """The upstream ports of the PCIe switches above it, the outermost first.

        Below the root port each switch is two bridges: its upstream port, and the downstream port that leads here.
        """
        return self.bridges[1:-1:2]

    @property
    def switch(self) -> str | None:
        """The upstream port of the nearest PCIe switch."""
        return self.switches[-1] if self.switches else None


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkSettings:
    """What ethtool tells. ``speed`` is in Mb/s, None without a carrier; ``duplex`` is full or half."""

    speed: int | None = None
    duplex: str = ""
    driver: str = ""
    driver_version: str = ""
    firmware: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkDetails:
    """What rtnetlink tells beside the link itself.

    ``addresses`` are CIDRs with host bits, as the kernel lists them. ``port_name`` (``p0``, ``pf0vf3``) and ``switch_id``
    are those of a port of an embedded switch.
    """

    alias: str = ""
    addresses: tuple[str, ...] = ()
    port_name: str = ""
    switch_id: str = ""

    @property
    def representor(self) -> bool:
        """Whether this is the switch's side of a function (Documentation/networking/switchdev.rst)."""
        return bool(self.switch_id) and REPRESENTOR.fullmatch(self.port_name) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class WireNeighbour:
    """Who is at the other end of the cable, by LLDP (IEEE 802.1AB)."""

    system: str = ""
    chassis: str = ""
    port: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaPort:
    """One port of an RDMA device.

    ``state`` is down, init, armed, active or active-defer, ``physical_state`` the kernel's word in lower case (``linkup``,
    ``polling``). ``rate`` is in Mb/s. ``guid`` is the port's (``506b:4b03:00c0:1234``), and ``roce_v2_index`` the entry of
    its GID table that RoCE v2 traffic with an address of the interface uses, an IPv4 one before others.
    """

    number: int
    state: str = ""
    physical_state: str = ""
    rate: int | None = None
    link_layer: str = ""
    guid: str = ""
    lid: int | None = None
    roce_v2_index: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaFacts:
    """What sysfs tells of an RDMA device."""

    node_guid: str = ""
    firmware: str = ""
    ports: tuple[RdmaPort, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What is known of an interface beyond its link. ``numa_node`` is None where the kernel says -1 or nothing.

    ``port`` tells the further interfaces of one PCI function (second port, sub-function) from its main one, for which it
    is empty. ``near_nodes`` are the other NUMA nodes of the same socket that are nearest. ``eswitch`` is devlink's word for
    the mode of the function's switch. ``programs`` are None where the kernel does not tell.
    """

    virtual: bool
    pci_address: str | None = None
    pcie_root: str | None = None
    numa_node: int | None = None
    near_nodes: tuple[int, ...] = ()
    port: str = ""
    function: PciFacts = PciFacts()
    settings: LinkSettings = LinkSettings()
    details: LinkDetails = LinkDetails()
    programs: tuple[Program, ...] | None = None
    eswitch: str = ""
    neighbour: WireNeighbour | None = None
