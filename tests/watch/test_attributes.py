"""What is said of a device, by groups: addresses, programs, the wire, functions, the embedded switch, capacity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.domain.discovery import devices
from agent.domain.discovery.catalogue import CATALOGUE
from agent.domain.discovery.configured import configured
from agent.domain.discovery.interface import joined
from ports.devices import AttributeValue, Device, Link, Program, RdmaLink
from ports.discovery import RdmaDevice
from ports.hardware import Hardware, LinkDetails, LinkSettings, PciFacts, RdmaFacts, RdmaPort, WireNeighbour
from ports.nodeconfig import EMPTY
from ports.nodeconfig.schema import Attributes, Multus, Selector
from tests.watch.trees import a_link

FACTS = PciFacts(vendor="15b3", device="101d", driver="mlx5_core", total_vfs=8, vfs=2)
CARD = Hardware(virtual=False, pci_address="0000:8a:00.0", function=FACTS)
SWITCH = LinkDetails(port_name="p0", switch_id="b8cef6000a1b")
TYPES = {str: "string", int: "int", bool: "bool"}


def told(hardware: Hardware, link: Link | None = None, rdma: tuple[RdmaDevice, ...] = ()) -> Device:
    """The only device."""
    (device,) = devices([link or a_link()], {7: hardware}, frozenset(), "d.example", rdma)
    return device


def values(device: Device, *names: str) -> list[AttributeValue | None]:
    """Some of its attributes."""
    return [device.attributes.get(f"d.example/{name}") for name in names]


def test_a_card_that_has_everything_says_all_there_is_in_the_order_of_the_catalogue() -> None:
    full = PciFacts(
        vendor="15b3",
        device="101d",
        subsystem_vendor="15b3",
        subsystem="0016",
        vendor_name="Mellanox",
        device_name="CX6",
        driver="mlx5_core",
        bridges=("a", "b", "c"),
        iommu_group=7,
        vfs=2,
        total_vfs=8,
        physical="0000:8a:00.1",
        physical_interface="ens0",
        vf=3,
    )
    programs = (Program(hook="tc-ingress", name="a", id=1), Program(hook="tcx-egress", name="b", id=2))
    port = RdmaPort(number=1, state="active", rate=100_000, link_layer="Ethernet", guid="x:y", roce_v2_index=3)
    hardware = Hardware(
        virtual=False,
        pci_address="0000:8a:00.0",
        pcie_root="pci0000:88",
        numa_node=0,
        near_nodes=(1,),
        function=full,
        settings=LinkSettings(speed=100_000, duplex="full", driver="mlx5_core", driver_version="6.1", firmware="22"),
        details=replace(SWITCH, alias="rack", addresses=("192.0.2.5/24", "2001:db8::5/64")),
        programs=programs,
        neighbour=WireNeighbour(system="leaf", chassis="mac", port="swp1"),
    )
    parent = Hardware(virtual=False, pci_address="0000:8a:00.1", function=PciFacts(total_vfs=8), eswitch="switchdev")
    rdma = RdmaDevice(
        rdma=RdmaLink(name="mlx5_0", index=0), interface=7, facts=RdmaFacts(node_guid="n:g", ports=(port,))
    )
    found = devices([a_link(), a_link("ens0", 8)], {7: hardware, 8: parent}, frozenset(), "d.example", [rdma])
    names = [name.removeprefix("d.example/") for name in found[0].attributes]
    assert names == [known.name for known in CATALOGUE]
    for known, value in zip(CATALOGUE, found[0].attributes.values(), strict=True):
        if isinstance(value, tuple):
            assert known.type == "int or list of ints"
        else:
            assert known.type.split()[0] == TYPES[type(value)]


def test_addresses_are_those_that_can_be_reached_from_elsewhere() -> None:
    addresses = (
        "10.0.0.9/8",
        "10.0.0.10/8",
        "127.0.0.1/8",
        "169.254.0.7/16",
        "224.0.0.1/4",
        "fd00::1/64",
        "fe80::1/64",
    )
    device = told(replace(CARD, details=LinkDetails(addresses=addresses)))
    assert values(device, "ipv4", "ipv6") == ["10.0.0.10/8,10.0.0.9/8", "fd00::1/64"]
    assert values(told(CARD), "ipv4", "ipv6") == [None, None]


def test_as_many_addresses_are_told_as_fit() -> None:
    addresses = tuple(f"192.0.2.{number}/24" for number in range(100, 120))
    (text,) = values(told(replace(CARD, details=LinkDetails(addresses=addresses))), "ipv4")
    assert text == "192.0.2.100/24,192.0.2.101/24,192.0.2.102/24,192.0.2.103/24"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["a" * 64, "b"], "a" * 64),
        (["a" * 70, "b"], "a" * 70),
        (["é" * 20, "é" * 12], "é" * 20),
        (["é" * 20, "é" * 11], f"{'é' * 20},{'é' * 11}"),
        ([], ""),
    ],
)
def test_a_list_ends_with_the_last_that_fits_in_bytes(given: list[str], text: str) -> None:
    assert joined(given) == text


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ((), [False, None, None]),
        (None, [None, None, None]),
        ((Program(hook="xdp", name="x", id=1),), [True, None, None]),
        (
            (Program(hook="tc-ingress", name="b", id=1), Program(hook="tc-egress", name="", id=9)),
            [True, "b,id9", None],
        ),
        ((Program(hook="tcx-ingress", name="t", id=1),), [True, None, "t"]),
    ],
)
def test_programs(programs: tuple[Program, ...] | None, expected: list[AttributeValue | None]) -> None:
    assert values(told(replace(CARD, programs=programs)), "ebpf", "tcFilterNames", "tcxProgramNames") == expected


def test_the_interfaces_own_driver_is_told_and_else_the_functions() -> None:
    assert values(told(replace(CARD, settings=LinkSettings(driver="virtio_net"))), "driver") == ["virtio_net"]
    assert values(told(CARD), "driver") == ["mlx5_core"]


def test_a_sub_function_has_no_functions_of_its_own() -> None:
    assert values(told(replace(CARD, port="sf88")), "sriov", "sriovVfs", "sriovTotalVfs") == [False, None, None]


@pytest.mark.parametrize(
    ("physical", "mode"),
    [
        (replace(CARD, eswitch="switchdev"), "switchdev"),
        (replace(CARD, details=SWITCH), "switchdev"),
        (CARD, "legacy"),
        (replace(CARD, function=PciFacts(total_vfs=8, vfs=0)), None),
        (replace(CARD, function=PciFacts()), None),
    ],
    ids=["told by devlink", "with representors", "functions without them", "without functions", "cannot have any"],
)
def test_the_switch_mode_is_told_of_a_function_and_of_those_below_it(physical: Hardware, mode: str | None) -> None:
    below = Hardware(virtual=False, pci_address="0000:8a:00.2", function=PciFacts(physical="0000:8a:00.0"))
    other = Hardware(
        virtual=False, pci_address="0000:99:00.0", details=LinkDetails(port_name="pf0vf0", switch_id=SWITCH.switch_id)
    )
    links = [a_link("ens1", 7), a_link("ens1v0", 8), a_link("rep", 9)]
    known = {7: physical, 8: below} | ({9: other} if physical.details == SWITCH else {})
    found = devices(links, known, frozenset(), "d.example")
    by_name = {device.interface: device for device in found}
    assert values(by_name["ens1"], "eswitchMode") == values(by_name["ens1v0"], "eswitchMode") == [mode]


def test_a_representor_is_no_device_and_a_port_of_a_switch_is_one() -> None:
    for name, offered in (("pf0vf3", 0), ("c1pf0sf88", 0), ("pf1", 0), ("3", 0), ("p0", 1), ("", 1), ("p1s2", 1)):
        port = replace(CARD, details=replace(SWITCH, port_name=name))
        assert len(devices([a_link()], {7: port}, frozenset(), "d.example")) == offered
    alone = replace(CARD, details=LinkDetails(port_name="pf0vf3"))
    assert len(devices([a_link()], {7: alone}, frozenset(), "d.example")) == 1  # without a switch it is no side of one


@pytest.mark.parametrize(
    ("hardware", "kind", "bandwidth"),
    [
        (replace(CARD, settings=LinkSettings(speed=100_000)), "", 100_000_000_000),
        (CARD, "", None),
        (Hardware(virtual=True, settings=LinkSettings(speed=10_000)), "veth", None),
        (Hardware(virtual=True, settings=LinkSettings(speed=50_000)), "bond", 50_000_000_000),
    ],
)
def test_bandwidth_is_that_of_hardware_and_of_bonds(hardware: Hardware, kind: str, bandwidth: int | None) -> None:
    capacity = told(hardware, a_link(kind=kind)).capacity
    assert capacity == ({"d.example/bandwidth": bandwidth} if bandwidth else {})


@pytest.mark.parametrize(("state", "bandwidth"), [("active", 400_000_000_000), ("down", None)])
def test_bandwidth_of_an_rdma_device_without_interface_is_that_of_its_active_port(
    state: str, bandwidth: int | None
) -> None:
    port = RdmaPort(number=1, state=state, rate=400_000, link_layer="InfiniBand")
    rdma = RdmaDevice(rdma=RdmaLink(name="mlx5_0", index=0), protocol="ib", facts=RdmaFacts(ports=(port,)))
    (device,) = devices([], {}, frozenset(), "d.example", [rdma])
    assert device.capacity.get("d.example/bandwidth") == bandwidth


def test_each_port_of_a_card_tells_of_its_own_rdma_port() -> None:
    ports = tuple(RdmaPort(number=number, state=state) for number, state in ((1, "active"), (2, "down")))
    rdma = tuple(
        RdmaDevice(rdma=RdmaLink(name="mlx4_0", index=0), interface=index, facts=RdmaFacts(ports=ports))
        for index in (7, 8)
    )
    known = {7: CARD, 8: replace(CARD, port="port1")}
    found = devices([a_link(), a_link("ens1d1", 8)], known, frozenset(), "d.example", rdma)
    assert [values(device, "rdmaState") for device in found] == [["active"], ["down"]]


def test_the_administrators_attributes_are_added_and_never_replace_what_is_so() -> None:
    added = Attributes(match=Selector(vendors=("15B3",)), set={"example.com/rail": 3, "d.example/mtu": 1})
    config = replace(EMPTY, attributes=(added,))
    (device,) = configured([told(CARD)], config, "d.example")
    assert device.attributes["example.com/rail"] == 3
    assert device.attributes["d.example/mtu"] == 1500


def test_multus_is_told_of_pci_devices_alone() -> None:
    config = replace(EMPTY, multus=(Multus(resourceName="example.com/nic"),))
    virtual = told(Hardware(virtual=True), a_link("veth0", kind="veth"))
    on_pci, other = configured([told(CARD), virtual], config, "d.example")
    assert on_pci.attributes["k8s.cni.cncf.io/resourceName"] == "example.com/nic"
    assert on_pci.attributes["k8s.cni.cncf.io/deviceID"] == "0000:8a:00.0"
    assert other == virtual
