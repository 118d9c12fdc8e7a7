"""What is read from a made sysfs tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.rdma.sysfs import RdmaTree
from ports.devices import DeviceNode, Link
from tests.watch.trees import a_link

FUNCTION = "pci0000:80/0000:80:01.0/0000:81:00.0"


class Files:
    """A sysfs with RDMA devices."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(f"{content}\n")

    def card(self, name: str = "mlx5_0", function: str = FUNCTION) -> None:
        place = self.root / "devices" / function
        (place / "infiniband" / name).mkdir(parents=True)
        os.symlink(place, place / "infiniband" / name / "device")
        (self.root / "class" / "infiniband").mkdir(parents=True, exist_ok=True)
        os.symlink(place / "infiniband" / name, self.root / "class" / "infiniband" / name)

    def interface(self, link: Link, function: str = FUNCTION) -> None:
        self.write(f"class/net/{link.name}/ifindex", str(link.identity.ifindex))
        os.symlink(self.root / "devices" / function, self.root / "class" / "net" / link.name / "device")

    def node(self, group: str, name: str, ibdev: str, numbers: str) -> None:
        self.write(f"class/{group}/{name}/ibdev", ibdev)
        self.write(f"class/{group}/{name}/dev", numbers)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def tree(files: Files) -> RdmaTree:
    return RdmaTree(str(files.root))


def test_a_host_without_rdma_has_none(tree: RdmaTree) -> None:
    assert tree.names() == ()
    assert tree.nodes("mlx5_0") == ()
    assert tree.pci_address("mlx5_0") is None


def test_hardware_is_told_by_its_function_and_a_virtual_device_has_none(files: Files, tree: RdmaTree) -> None:
    files.card()
    (files.root / "class/infiniband/rxe0").mkdir()
    assert tree.names() == ("mlx5_0", "rxe0")
    assert tree.pci_address("mlx5_0") == "0000:81:00.0"
    assert tree.pci_address("rxe0") is None


def test_an_ipoib_interface_has_the_devices_of_its_function(files: Files, tree: RdmaTree) -> None:
    files.card("mlx5_0")
    files.card("mlx5_1", "pci0000:80/0000:80:02.0/0000:82:00.0")
    ib0 = a_link("ib0", ifindex=8, encapsulation="infiniband")
    files.interface(ib0)
    assert tree.belongs("mlx5_0", ib0)
    assert not tree.belongs("mlx5_1", ib0)


def test_an_ethernet_interface_has_a_device_by_gids_and_not_by_function(files: Files, tree: RdmaTree) -> None:
    files.card()
    uplink, representor = a_link("ens1", ifindex=7), a_link("ens1r0", ifindex=9)
    files.interface(uplink)
    files.interface(representor)
    files.write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "ens1")
    assert tree.belongs("mlx5_0", uplink)
    assert not tree.belongs("mlx5_0", representor)


def test_a_soft_device_names_its_interface_as_parent(files: Files, tree: RdmaTree) -> None:
    files.write("class/infiniband/rxe0/parent", "ens1")
    link = a_link("ens1", ifindex=7)
    files.write("class/net/ens1/ifindex", "7")
    assert tree.belongs("rxe0", link)


def test_a_name_with_another_index_is_another_namespaces_interface(files: Files, tree: RdmaTree) -> None:
    files.write("class/infiniband/rxe0/parent", "ens1")
    files.write("class/net/ens1/ifindex", "7")
    assert not tree.belongs("rxe0", a_link("ens1", ifindex=8))


def test_exactly_the_devices_own_nodes_are_found(files: Files, tree: RdmaTree) -> None:
    for number, name in enumerate(("mlx5_0", "mlx5_1")):
        files.node("infiniband_verbs", f"uverbs{number}", name, f"231:{192 + number}")
        files.node("infiniband_mad", f"umad{number}", name, f"231:{number}")
        files.node("infiniband_mad", f"issm{number}", name, f"231:{64 + number}")
    files.write("class/infiniband_verbs/abi_version", "6")
    files.write("class/misc/rdma_cm/dev", "10:122")
    assert tree.nodes("mlx5_1") == (
        DeviceNode(path="/dev/infiniband/issm1", type="c", major=231, minor=65, mode=0o600),
        DeviceNode(path="/dev/infiniband/rdma_cm", type="c", major=10, minor=122),
        DeviceNode(path="/dev/infiniband/umad1", type="c", major=231, minor=1, mode=0o600),
        DeviceNode(path="/dev/infiniband/uverbs1", type="c", major=231, minor=193),
    )


def test_both_ports_management_nodes_are_found(files: Files, tree: RdmaTree) -> None:
    files.node("infiniband_verbs", "uverbs0", "mlx4_0", "231:192")
    for port in (0, 1):
        files.node("infiniband_mad", f"umad{port}", "mlx4_0", f"231:{port}")
    paths = [node.path.rpartition("/")[2] for node in tree.nodes("mlx4_0")]
    assert paths == ["umad0", "umad1", "uverbs0"]


def test_a_device_without_verbs_has_no_nodes_at_all(files: Files, tree: RdmaTree) -> None:
    files.node("infiniband_mad", "umad0", "mlx5_0", "231:0")
    files.write("class/misc/rdma_cm/dev", "10:122")
    assert tree.nodes("mlx5_0") == ()


def test_the_interface_of_a_device_is_told_from_the_other_end(files: Files, tree: RdmaTree) -> None:
    files.card("mlx5_0")
    assert tree.interface("mlx5_0") is None
    files.write("class/net/ib0/ifindex", "8")
    files.write(f"devices/{FUNCTION}/net/ib0/type", "32")
    files.write(f"devices/{FUNCTION}/net/ens1r0/type", "1")
    files.write("class/net/ens1r0/ifindex", "5")
    assert tree.interface("mlx5_0") == 8
    files.write("class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "ens1")
    files.write("class/net/ens1/ifindex", "7")
    assert tree.interface("mlx5_0") == 7
