"""What sysfs trees of all shapes tell of an interface."""

from __future__ import annotations

import pytest

from adapters.netlink.pci import PciAddresses
from adapters.sysfs.hardware import SysfsHardware
from ports.hardware import Hardware, PciFacts
from tests.watch.trees import Tree, a_link

BRIDGED = "pci0000:3a/0000:3a:00.0/0000:3b:00.1"
CARD = "0000:3b:00.1"


def test_a_card_behind_a_bridge_has_its_own_address_and_the_root_of_the_tree(tree: Tree) -> None:
    tree.bus_device("pci", BRIDGED, numa_node="1")
    tree.interface(f"{BRIDGED}/net/ens1")
    found = SysfsHardware(str(tree.root)).hardware(a_link(pci=CARD))
    function = PciFacts(bridges=("0000:3a:00.0",))
    assert found == Hardware(virtual=False, pci_address=CARD, pcie_root="pci0000:3a", numa_node=1, function=function)


def test_a_kernel_that_names_no_parent_device_is_made_up_for_by_the_path(tree: Tree) -> None:
    tree.bus_device("pci", BRIDGED, numa_node="0")
    tree.interface(f"{BRIDGED}/net/ens1")
    found = SysfsHardware(str(tree.root)).hardware(a_link())
    assert found is not None
    assert (found.pci_address, found.pcie_root, found.numa_node) == (CARD, "pci0000:3a", 0)


@pytest.mark.parametrize("text", ["-1", "", "none"])
def test_a_node_that_the_kernel_does_not_know_is_none(tree: Tree, text: str) -> None:
    tree.bus_device("pci", BRIDGED, numa_node=text)
    found = SysfsHardware(str(tree.root)).hardware(a_link(pci=CARD))
    assert found is not None
    assert found.numa_node is None


def test_a_card_in_another_namespace_is_known_by_its_bus(tree: Tree) -> None:
    tree.bus_device("pci", BRIDGED, numa_node="1")
    found = SysfsHardware(str(tree.root)).hardware(a_link(pci=CARD))
    assert found is not None
    assert (found.pcie_root, found.port) == ("pci0000:3a", "")


def test_a_tree_that_does_not_end_in_the_address_gives_no_root(tree: Tree) -> None:
    tree.bus_device("pci", "platform/elsewhere/0000:3b:00.1")
    found = SysfsHardware(str(tree.root)).hardware(a_link(pci=CARD))
    assert found == Hardware(virtual=False, pci_address=CARD)


def test_an_interface_under_virtual_is_virtual(tree: Tree) -> None:
    tree.interface("virtual/net/br0")
    assert SysfsHardware(str(tree.root)).hardware(a_link("br0", kind="bridge")) == Hardware(virtual=True)


def test_an_interface_of_a_platform_device_is_hardware_without_pci(tree: Tree) -> None:
    tree.interface("platform/soc/eth0-mac/net/eth0")
    assert SysfsHardware(str(tree.root)).hardware(a_link("eth0")) == Hardware(virtual=False)


def test_a_usb_interface_is_not_taken_for_its_controller(tree: Tree) -> None:
    path = "pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0"
    tree.interface(f"{path}/net/enx0")
    assert SysfsHardware(str(tree.root)).hardware(a_link("enx0")) == Hardware(virtual=False)


def test_an_interface_that_sysfs_does_not_show_is_none(tree: Tree) -> None:
    assert SysfsHardware(str(tree.root)).hardware(a_link("gone0", kind="veth")) is None


def test_another_namespaces_interface_of_the_same_name_is_not_believed(tree: Tree) -> None:
    tree.interface("virtual/net/eth0", ifindex=2)
    assert SysfsHardware(str(tree.root)).hardware(a_link("eth0", ifindex=7)) is None


@pytest.mark.parametrize(
    ("below", "files", "port"),
    [
        ("net/ens1", {}, ""),
        ("net/ens1", {"phys_port_name": "p0"}, ""),
        ("net/ens1", {"phys_port_name": "p1"}, ""),
        ("net/ens1", {"dev_port": "2"}, "port2"),
        ("net/ens1", {"dev_port": "1"}, ""),
        ("net/ens1", {"phys_port_name": "pf0vf3"}, "pf0vf3"),
        ("mlx5_core.sf.4/net/ens1", {}, "sf4"),
        ("virtio0/net/ens1", {}, ""),
    ],
)
def test_further_interfaces_of_a_function_are_told_from_the_main_one(
    tree: Tree, below: str, files: dict[str, str], port: str
) -> None:
    tree.bus_device("pci", BRIDGED)
    tree.interface(f"{BRIDGED}/{below}", files=files)
    found = SysfsHardware(str(tree.root)).hardware(a_link(pci=CARD))
    assert found is not None
    assert found.port == port


def test_the_kernels_parent_device_leads_to_the_pci_function(tree: Tree) -> None:
    tree.bus_device("pci", BRIDGED)
    tree.bus_device("virtio", f"{BRIDGED}/virtio0")
    tree.bus_device("auxiliary", f"{BRIDGED}/mlx5_core.sf.4")
    find = PciAddresses(str(tree.root))
    assert find("pci", CARD) == CARD
    assert find("virtio", "virtio0") == CARD
    assert find("auxiliary", "mlx5_core.sf.4") == CARD


@pytest.mark.parametrize(
    ("bus", "device"), [("usb", "1-1:1.0"), ("virtio", "absent"), ("virtio", "../../pci/devices/0000:3b:00.1")]
)
def test_other_parents_lead_to_none(tree: Tree, bus: str, device: str) -> None:
    tree.bus_device("pci", BRIDGED)
    assert PciAddresses(str(tree.root))(bus, device) is None


def test_a_virtual_function_is_bound_by_the_mtu_of_its_physical_function(tree: Tree) -> None:
    tree.bus_device("pci", "pci0000:3a/0000:3b:00.0")
    tree.bus_device("pci", BRIDGED)
    find = PciAddresses(str(tree.root))
    assert find.physical_mtu(CARD) is None
    (tree.root / "devices" / BRIDGED / "physfn").symlink_to(tree.root / "devices/pci0000:3a/0000:3b:00.0")
    assert find.physical_mtu(CARD) is None
    interface = tree.root / "devices/pci0000:3a/0000:3b:00.0/net/ens1"
    interface.mkdir(parents=True)
    (interface / "mtu").write_text("4000\n")
    assert find.physical_mtu(CARD) == 4000
