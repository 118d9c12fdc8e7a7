"""What the watcher finds, and ``knd topology`` draws, on a machine with PCIe switches, two NUMA nodes and SR-IOV."""

from __future__ import annotations

import re

import pytest

from adapters.sysfs import names
from agent.domain.sight import devices
from agent.host import opened
from agent.services.looking import Looking
from agent.show import topology
from ports.devices import AttributeValue, Device
from tests.support.eventually import eventually
from tests.vm.scenarios.cards import virtual_functions
from tests.vm.scenarios.pods import ip
from tests.vm.scenarios.rdma import rxe

pytestmark = pytest.mark.vm
STANDARD, DRIVER = "resource.kubernetes.io", "knd.test"
DRAWN = """\
NUMA node 0
└─ pci0000:40
   ├─ NIC 0000:41:00.0  [8086:10c9] igb
   ├─ NIC 0000:46:00.0  [8086:10d3] e1000e
   └─ switch 0000:42:00.0
      ├─ NIC 0000:44:00.0  [8086:10c9] igb
      └─ GPU 0000:45:00.0  [1234:1111]
NUMA node 1
└─ pci0000:80
   ├─ NIC 0000:81:00.0  [8086:10c9] igb
   │      2 virtual functions
   ├─ GPU 0000:82:00.0  [1234:1111]
   └─ NIC 0000:83:00.0  [15ad:07b0] vmxnet3
no NUMA node
└─ pci0000:00
   └─ NIC 0000:00:10.0  [1af4:1000] virtio-pci

Alignment of 2 GPUs with 6 network cards:
  GPU 0000:45:00.0  same PCIe switch: NIC 0000:44:00.0 (enp68s0)
  GPU 0000:82:00.0  same PCIe root: NIC 0000:81:00.0 (enp129s0), NIC 0000:83:00.0 (enp131s0)
"""
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
    with opened("/sys", "") as host:
        sight = Looking(host.interfaces, host.hardware, host.rdma).everywhere()
    return {each.name: each for each in devices(sight, DRIVER)}


def told(device: Device, *wanted: str) -> dict[str, AttributeValue | None]:
    """Some of its attributes."""
    return {name: device.attributes.get(f"{DRIVER}/{name}") for name in wanted}


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


def test_a_card_and_its_functions_tell_of_each_other_and_of_what_they_are() -> None:
    with virtual_functions("enp129s0", 2):
        found = inventory()
    card = told(found["pci-0000-81-00-0"], "sriov", "sriovVfs", "sriovTotalVfs", "eswitchMode", "isSriovVf", "driver")
    assert card == {
        "sriov": True,
        "sriovVfs": 2,
        "sriovTotalVfs": 7,
        "eswitchMode": "legacy",
        "isSriovVf": None,
        "driver": "igb",
    }
    for index, name in enumerate(("pci-0000-81-10-0", "pci-0000-81-10-2")):
        function = told(found[name], "isSriovVf", "pfName", "pfPciAddress", "vfIndex", "driver", "pciDeviceID", "sriov")
        assert function == {
            "isSriovVf": True,
            "pfName": "enp129s0",
            "pfPciAddress": "0000:81:00.0",
            "vfIndex": index,
            "driver": "igbvf",
            "pciDeviceID": "10ca",
            "sriov": False,
        }


def test_a_driver_tells_of_itself_and_of_the_wire() -> None:
    ip("link", "set", "enp65s0", "up")
    try:
        eventually(lambda: inventory()["pci-0000-41-00-0"].attributes[f"{DRIVER}/state"] == "up", seconds=60)
        card = inventory()["pci-0000-41-00-0"]
    finally:
        ip("link", "set", "enp65s0", "down")
    assert told(card, "linkSpeed", "duplex", "pciVendorID", "pciSubsystemVendorID") == {
        "linkSpeed": 1000,
        "duplex": "full",
        "pciVendorID": "8086",
        "pciSubsystemVendorID": "1af4",
    }
    assert card.attributes[f"{DRIVER}/driverVersion"]
    assert card.attributes[f"{DRIVER}/firmwareVersion"]
    assert card.capacity == {f"{DRIVER}/bandwidth": 1_000_000_000}


def test_the_switch_above_a_card_is_told() -> None:
    found = inventory()
    assert told(found["pci-0000-44-00-0"], "pcieSwitch") == {"pcieSwitch": "0000:42:00.0"}
    assert told(found["pci-0000-41-00-0"], "pcieSwitch") == {"pcieSwitch": None}


def test_the_machine_is_drawn_with_what_is_aligned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(names, "PLACES", ())  # the machine that runs the guest may have the table or not
    with virtual_functions("enp129s0", 2):
        assert topology.main([]) == 0
    lines = capsys.readouterr().out.splitlines(keepends=True)
    assert (
        "".join(line for line in lines if "pci-0000-" not in line) == DRAWN
    )  # what a device's state is, others change


def test_the_rdma_side_of_a_card_is_told() -> None:
    ip("address", "add", "192.0.2.44/24", "dev", "enp68s0")
    ip("link", "set", "enp68s0", "up")
    try:
        with rxe("rxe44", "enp68s0"):
            eventually(lambda: f"{DRIVER}/roceV2GidIndex" in inventory()["pci-0000-44-00-0"].attributes, seconds=60)
            card = inventory()["pci-0000-44-00-0"]
    finally:
        ip("address", "flush", "dev", "enp68s0")
        ip("link", "set", "enp68s0", "down")
    assert told(card, "rdma", "rdmaDevice", "linkLayer", "rdmaState") == {
        "rdma": True,
        "rdmaDevice": "rxe44",
        "linkLayer": "Ethernet",
        "rdmaState": "active",
    }
    assert re.fullmatch(r"([0-9a-f]{4}:){3}[0-9a-f]{4}", str(card.attributes[f"{DRIVER}/nodeGuid"]))
    assert f"{DRIVER}/portGuid" not in card.attributes
