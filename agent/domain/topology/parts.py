"""The parts of a machine that traffic goes between: PCI functions that are network cards or accelerators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ports.devices import Device
from ports.hardware import Hardware

GPU, NIC = "GPU", "NIC"
ACCELERATORS = ("0302", "0380", "1200")  # 3D controller, other display controller, processing accelerator
GRAPHICS = "0300"  # VGA: a graphics card of these vendors, and the display of a board's management controller of others
GRAPHICS_VENDORS = frozenset({"10de", "1002", "8086"})
NETWORK = "02"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One PCI function. ``devices`` are those that are offered of it; ``others`` what else it has, each with the reason.

    ``functions`` are the virtual functions of a physical one, which are no parts of their own: they sit where it sits.
    """

    role: str
    address: str
    hardware: Hardware
    devices: tuple[Device, ...] = ()
    others: tuple[str, ...] = ()
    functions: int = 0

    @property
    def numa_node(self) -> int | None:
        """The NUMA node, None where the kernel knows none."""
        return self.hardware.numa_node

    @property
    def root(self) -> str:
        """The PCIe root complex; empty for a function that is below none."""
        return self.hardware.pcie_root or ""

    @property
    def bridges(self) -> tuple[str, ...]:
        """The PCI bridges above it, from the root port down."""
        return self.hardware.function.bridges

    @property
    def switches(self) -> tuple[str, ...]:
        """The upstream ports of the PCIe switches above it, the outermost first."""
        return self.hardware.function.switches


def parts(
    functions: Iterable[Hardware], devices: Iterable[Device], others: Mapping[str, tuple[str, ...]]
) -> tuple[Part, ...]:
    """All parts by address. ``others`` are, by PCI address, interfaces that are not offered with the reasons."""
    known = tuple(functions)
    offered: dict[str, list[Device]] = {}
    for device in devices:
        offered.setdefault(device.identity.pci_address or _address(device), []).append(device)
    virtual: dict[str, int] = {}
    for each in known:
        if each.function.physical:
            virtual[each.function.physical] = virtual.get(each.function.physical, 0) + 1
    found = (_part(each, offered, others, virtual) for each in known if not each.function.physical)
    return tuple(sorted((part for part in found if part), key=lambda part: part.address))


def _part(
    hardware: Hardware,
    offered: Mapping[str, list[Device]],
    others: Mapping[str, tuple[str, ...]],
    virtual: Mapping[str, int],
) -> Part | None:
    address = hardware.pci_address or ""
    devices = tuple(offered.get(address, ()))
    role = role_of(hardware) or (NIC if devices else "")
    if not role:
        return None
    return Part(
        role=role,
        address=address,
        hardware=hardware,
        devices=devices,
        others=others.get(address, ()),
        functions=virtual.get(address, 0),
    )


def role_of(hardware: Hardware) -> str:
    """What a function is by its class; empty for neither. An RDMA card may have a class of its own."""
    code, vendor = hardware.function.class_code, hardware.function.vendor
    if code.startswith(ACCELERATORS) or (code.startswith(GRAPHICS) and vendor in GRAPHICS_VENDORS):
        return GPU
    return NIC if code.startswith(NETWORK) else ""


def _address(device: Device) -> str:
    """The PCI address, where only the attributes know it (a kernel that does not name parent devices)."""
    found = next((value for name, value in device.attributes.items() if name.endswith("/pciAddress")), "")
    return str(found)
