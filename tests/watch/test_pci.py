"""PCI functions out of sysfs: whole, broken, changing; names out of pci.ids; NUMA nodes of one socket."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from adapters.sysfs.hardware import SysfsHardware
from adapters.sysfs.names import PciNames
from ports.hardware import Hardware
from tests.support.machines import ordinary
from tests.support.machines.builder import Machine, Product

PCI_IDS = Path(__file__).parents[1] / "support/machines/pci.ids"
CARD = "0000:01:00.0"
PLACE = f"pci0000:00/0000:00:01.0/{CARD}"
ONE = Product(vendor="15b3", device="101d", code="020000", driver="mlx5_core", subsystem=("15b3", "0016"))
FILES = ("vendor", "device", "class", "subsystem_vendor", "subsystem_device", "numa_node", "sriov_totalvfs")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with one card."""
    made = Machine(tmp_path / "sys")
    made.function(PLACE, ONE, node=0, files={"sriov_totalvfs": "8", "sriov_numvfs": "0"})
    made.group(PLACE, 12)
    return made


def sysfs(machine: Machine) -> SysfsHardware:
    """A reader of its own."""
    return SysfsHardware(str(machine.root), PciNames([str(PCI_IDS)]))


def differing(one: Hardware, other: Hardware) -> set[str]:
    """The facts in which they are not the same."""
    facts = {name for name in Hardware.__slots__ if getattr(one, name) != getattr(other, name)}
    inner = {
        name for name in type(one.function).__slots__ if getattr(one.function, name) != getattr(other.function, name)
    }
    return (facts - {"function"}) | inner


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        ("vendor", {"vendor", "vendor_name", "device_name"}),
        ("device", {"device", "device_name"}),
        ("class", {"class_code"}),
        ("subsystem_vendor", {"subsystem_vendor"}),
        ("subsystem_device", {"subsystem"}),
        ("numa_node", {"numa_node"}),
        ("sriov_totalvfs", {"total_vfs"}),
        ("sriov_numvfs", {"vfs"}),
        ("driver", {"driver"}),
        ("iommu_group", {"iommu_group"}),
    ],
)
def test_one_file_that_cannot_be_read_costs_what_it_tells(machine: Machine, broken: str, lost: set[str]) -> None:
    whole = sysfs(machine).function(CARD)
    file = machine.root / "devices" / PLACE / broken
    file.unlink()
    file.mkdir()
    assert differing(whole, sysfs(machine).function(CARD)) == lost


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"", b"-1\n", b"9" * 5000, b"\x00\n", "١٢\n".encode()])
def test_nonsense_in_a_number_is_none(machine: Machine, content: bytes) -> None:
    for name in ("numa_node", "sriov_totalvfs", "sriov_numvfs"):
        (machine.root / "devices" / PLACE / name).write_bytes(content)
    found = sysfs(machine).function(CARD)
    assert (found.numa_node, found.function.total_vfs, found.function.vfs) == (None, None, None)


def test_a_function_that_is_gone_has_nothing_but_its_address(machine: Machine) -> None:
    shutil.rmtree(machine.root / "devices" / PLACE)
    assert sysfs(machine).function(CARD) == Hardware(virtual=False, pci_address=CARD)


def test_what_cannot_change_is_read_once_and_another_card_at_the_same_place_is_noticed(machine: Machine) -> None:
    reading = sysfs(machine)
    first = reading.function(CARD)
    for name in FILES:
        (machine.root / "devices" / PLACE / name).unlink()
    assert reading.function(CARD) == first
    aside = machine.root / "devices" / PLACE
    aside.rename(aside.with_name("was-here"))  # kept, so that its number is not given to the next one
    machine.function(PLACE, Product(vendor="8086", device="1521", code="020000"), node=1)
    assert (reading.function(CARD).function.vendor, reading.function(CARD).numa_node) == ("8086", 1)


def test_functions_that_come_and_go_are_told_apart(tmp_path: Path) -> None:
    made = Machine(tmp_path / "sys")
    physical = made.function("pci0000:00/0000:00:01.0/0000:01:00.0", ordinary.I350, files={"sriov_numvfs": "0"})
    reading = sysfs(made)
    assert reading.function(CARD).function.vfs == 0
    for index in (0, 1):
        made.virtual_function(physical, index, f"pci0000:00/0000:00:01.0/0000:01:10.{index}", ordinary.I350_VF)
        found = reading.function(f"0000:01:10.{index}").function
        assert (found.physical, found.vf) == (CARD, index)
    assert reading.function(CARD).function.vfs == 2


def test_a_physical_functions_own_interface_is_the_one_that_is_no_representor(tmp_path: Path) -> None:
    made = ordinary.switchdev(tmp_path / "sys")
    assert sysfs(made).function("0000:81:00.2").function.physical_interface == "ens1f0np0"


def test_bridges_are_no_functions_and_odd_names_on_the_bus_are_passed_over(machine: Machine) -> None:
    os.symlink("/nowhere", machine.root / "bus/pci/devices/0000:zz:00.0")
    assert [found.pci_address for found in sysfs(machine).functions()] == [CARD]


@pytest.mark.parametrize(
    ("vendor", "device", "names"),
    [
        ("15b3", "101d", ("Mellanox Technologies", "MT2892 Family [ConnectX-6 Dx]")),
        ("15b3", "1021", ("Mellanox Technologies", "MT2910 Family [ConnectX-7]")),
        ("15b3", "0041", ("Mellanox Technologies", "")),  # a subsystem's line
        ("15b3", "1520", ("Mellanox Technologies", "")),  # another vendor's device
        ("1234", "1111", ("", "")),
        ("", "", ("", "")),
        ("15b3", "", ("Mellanox Technologies", "")),
    ],
)
def test_names_of_products(vendor: str, device: str, names: tuple[str, str]) -> None:
    assert PciNames([str(PCI_IDS)])(vendor, device) == names


@pytest.mark.parametrize("content", [b"", b"15b3  ", b"15b3  X", b"15b3  X\n\t101d  ", b"\x00" * 100, b"15b3"])
def test_a_table_that_ends_early_is_no_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pci.ids").write_bytes(content)
    vendor, _ = PciNames([str(tmp_path / "absent"), str(tmp_path / "pci.ids")])("15b3", "101d")
    assert vendor in ("", "X")


@pytest.mark.parametrize(
    ("nodes", "near"),
    [
        ([(0, "10 12 32 32"), (0, "12 10 32 32"), (1, "32 32 10 12"), (1, "32 32 12 10")], (1,)),
        ([(0, "10 20 20 20"), (0, "20 10 20 20"), (0, "20 20 10 20"), (0, "20 20 20 10")], (1, 2, 3)),
        ([(0, "10 11 20"), (0, "11 10 20"), (0, "20 20 10")], (1,)),
        ([(0, "10 21"), (1, "21 10")], ()),
        ([(0, "10")], ()),
        ([(0, "")], ()),
    ],
)
def test_the_nearest_other_nodes_of_a_socket(
    tmp_path: Path, nodes: list[tuple[int, str]], near: tuple[int, ...]
) -> None:
    made = Machine(tmp_path / "sys")
    for number, (package, distances) in enumerate(nodes):
        made.node(number, first_cpu=number * 8, package=package, distances=distances)
    made.function(PLACE, ONE, node=0)
    assert sysfs(made).function(CARD).near_nodes == near
