"""What the watcher finds on a machine with PCIe switches, two NUMA nodes and SR-IOV."""

from __future__ import annotations

import pytest

from adapters.netlink.kernel import NetlinkKernel
from adapters.sysfs.hardware import SysfsHardware
from agent.domain import discovery
from ports.devices import AttributeValue, Device
from tests.vm.scenarios.cards import virtual_functions

pytestmark = pytest.mark.vm
STANDARD = "resource.kubernetes.io"
PLACES = {
    "pci-0000-41-00-0": ("enp65s0", "pci0000:40", 0),
    "pci-0000-44-00-0": ("enp68s0", "pci0000:40", 0),
    "pci-0000-46-00-0": ("enp70s0", "pci0000:40", 0),
    "pci-0000-81-00-0": ("enp129s0", "pci0000:80", 1),
    "pci-0000-83-00-0": ("enp131s0", "pci0000:80", 1),
    "pci-0000-00-10-0": ("enp0s16", "pci0000:00", None),
}


def inventory() -> dict[str, Device]:
    """The devices that would be offered now, by name."""
    kernel, sysfs = NetlinkKernel(), SysfsHardware("/sys")
    try:
        links = kernel.links()
        hardware = {link.identity.ifindex: sysfs.hardware(link) for link in links}
        return {each.name: each for each in discovery.devices(links, hardware, frozenset(kernel.uplinks()), "knd.test")}
    finally:
        kernel.close()


def place(device: Device) -> tuple[str, AttributeValue | None, AttributeValue | None]:
    """Its interface, PCIe root and NUMA node."""
    attributes = device.attributes
    return device.interface, attributes.get(f"{STANDARD}/pcieRoot"), attributes.get(f"{STANDARD}/numaNode")


def test_every_card_is_found_where_it_is_plugged_in() -> None:
    assert {name: place(device) for name, device in inventory().items()} == PLACES


def test_a_card_of_a_switch_belongs_to_the_root_above_the_switch() -> None:
    attributes = inventory()["pci-0000-44-00-0"].attributes
    assert attributes[f"{STANDARD}/pcieRoot"] == "pci0000:40"
    assert attributes[f"{STANDARD}/pciBusID"] == "0000:44:00.0"


def test_virtual_functions_are_devices_beside_their_card() -> None:
    with virtual_functions("enp129s0", 2) as addresses:
        found = inventory()
    assert addresses == ("0000:81:10.0", "0000:81:10.2")
    assert found.keys() == PLACES.keys() | {"pci-0000-81-10-0", "pci-0000-81-10-2"}
    for name in ("pci-0000-81-10-0", "pci-0000-81-10-2"):
        assert place(found[name])[1:] == ("pci0000:80", 1)
        assert found[name].attributes["knd.test/virtual"] is False
    assert inventory().keys() == PLACES.keys()
