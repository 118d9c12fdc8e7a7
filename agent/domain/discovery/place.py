"""Attributes of the PCI function behind a device: what it is, where it sits, whose function it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.domain.discovery.interface import Attributes
from ports.devices import AttributeValue
from ports.hardware import Hardware, PciFacts

STANDARD = "resource.kubernetes.io"
SUB_FUNCTION = "sf"
BUS_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")  # pattern of resource.kubernetes.io/pciBusID


def attributes(hardware: Hardware, is_interface: bool) -> Attributes:
    """By names without the driver's domain, the standard ones with theirs."""
    function = hardware.function
    driver = hardware.settings.driver or function.driver  # of a virtio card virtio_net, not virtio-pci
    if driver:
        yield "driver", driver
    if hardware.numa_node is not None:
        yield "numaNode", hardware.numa_node
        yield f"{STANDARD}/numaNode", _nodes(hardware.numa_node, hardware.near_nodes)
    if hardware.pcie_root:
        yield f"{STANDARD}/pcieRoot", hardware.pcie_root
    if hardware.pci_address:
        yield "pciAddress", hardware.pci_address
        if BUS_ID.fullmatch(hardware.pci_address):
            yield f"{STANDARD}/pciBusID", hardware.pci_address
    yield from _identity(function)
    if function.switch:
        yield "pcieSwitch", function.switch
    if function.iommu_group is not None:
        yield "iommuGroup", function.iommu_group
    yield from _functions(_own(hardware), is_interface)


def _own(hardware: Hardware) -> PciFacts:
    """A sub-function shares its parent's PCI function, but has no virtual functions."""
    return PciFacts() if hardware.port.startswith(SUB_FUNCTION) else hardware.function


def _nodes(own: int, near: tuple[int, ...]) -> AttributeValue:
    """A list only where there is more than one: a list halves the number of devices that a slice can have."""
    return (own, *near) if near else own


def _identity(function: PciFacts) -> Attributes:
    told = (
        ("pciVendor", function.vendor_name),
        ("pciDevice", function.device_name),
        ("pciSubsystem", function.subsystem),
        ("pciVendorID", function.vendor),
        ("pciDeviceID", function.device),
        ("pciSubsystemVendorID", function.subsystem_vendor),
    )
    yield from ((name, value) for name, value in told if value)


def _functions(function: PciFacts, is_interface: bool) -> Iterator[tuple[str, AttributeValue]]:
    """SR-IOV: what a physical function can have, and whose a virtual one is."""
    capable = bool(function.total_vfs)
    if is_interface or capable:
        yield "sriov", capable
    if capable:
        yield "sriovVfs", function.vfs or 0
        yield "sriovTotalVfs", function.total_vfs or 0
    if function.physical:
        yield "isSriovVf", True
        yield "pfPciAddress", function.physical
        if function.physical_interface:
            yield "pfName", function.physical_interface
        if function.vf is not None:
            yield "vfIndex", function.vf
