"""Interfaces as devices: names that stay, attributes that DRANET's users select by."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.discovery import devices
from ports.devices import Device, Identity, Link, RdmaLink
from ports.discovery import RdmaDevice
from ports.hardware import Hardware
from tests.watch.trees import a_link

CARD = Hardware(virtual=False, pci_address="0000:8a:00.0", pcie_root="pci0000:88", numa_node=1)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def names(*links: Link, **hardware: Hardware) -> dict[str, str]:
    """Device names by interface."""
    by_index = {link.identity.ifindex: hardware.get(link.name) for link in links}
    return {device.interface: device.name for device in devices(links, by_index, frozenset(), "dra.net")}


def only(link: Link, hardware: Hardware | None, driver: str = "dra.net") -> Device:
    """The device of the only link."""
    (device,) = devices([link], {link.identity.ifindex: hardware}, frozenset(), driver)
    return device


def test_a_card_has_dranets_name_and_attributes_and_the_standard_ones() -> None:
    device = only(a_link(pci="0000:8a:00.0"), CARD)
    assert device.name == "pci-0000-8a-00-0"
    assert device.attributes == {
        "dra.net/ifName": "ens1",
        "dra.net/mac": "02:00:5e:10:00:01",
        "dra.net/mtu": 1500,
        "dra.net/state": "up",
        "dra.net/type": "device",
        "dra.net/encapsulation": "ether",
        "dra.net/virtual": False,
        "dra.net/pciAddress": "0000:8a:00.0",
        "dra.net/rdma": False,
        "dra.net/sriov": False,
        "dra.net/alias": "",
        "dra.net/numaNode": 1,
        "resource.kubernetes.io/numaNode": 1,
        "resource.kubernetes.io/pciBusID": "0000:8a:00.0",
        "resource.kubernetes.io/pcieRoot": "pci0000:88",
    }


def test_a_virtual_link_has_its_own_name_and_no_pci_attributes() -> None:
    device = only(a_link("veth0", kind="veth"), Hardware(virtual=True))
    assert device.name == "veth0"
    assert device.attributes["dra.net/type"] == "veth"
    assert device.attributes["dra.net/virtual"] is True
    assert not [name for name in device.attributes if "pci" in name.lower() or "numa" in name]


def test_attributes_are_under_the_drivers_name() -> None:
    device = only(a_link(), CARD, driver="net.example.org")
    assert {name.partition("/")[0] for name in device.attributes} == {"net.example.org", "resource.kubernetes.io"}


def test_an_address_in_a_five_digit_domain_is_no_standard_bus_id() -> None:
    device = only(a_link(), replace(CARD, pci_address="10000:01:00.0"))
    assert device.name == "pci-10000-01-00-0"
    assert "resource.kubernetes.io/pciBusID" not in device.attributes


@pytest.mark.parametrize(
    ("kind", "pci", "virtual"), [("veth", None, True), ("", None, False), ("", "0000:8a:00.0", False)]
)
def test_without_sysfs_hardware_is_told_by_the_kind(kind: str, pci: str | None, virtual: bool) -> None:
    assert only(a_link(kind=kind, pci=pci), None).attributes["dra.net/virtual"] is virtual


@pytest.mark.parametrize(
    ("interface", "name"),
    [
        ("dummy0", "dummy0"),
        ("eth0.100", "net-mv2gqmbogeyda"),
        ("mlx5_6", "net-nvwhqnk7gy"),
        ("Ens1", "net-ivxhgmi"),
        ("-a", "net-fvqq"),
        ("pci-0000-8a-00-0", "net-obrwsljqgaydaljymewtambnga"),
        ("net-aaaa", "net-nzsxillbmfqwc"),
    ],
)
def test_an_interface_name_that_is_no_label_or_looks_generated_is_encoded(interface: str, name: str) -> None:
    assert only(a_link(interface, kind="dummy"), None).name == name


def test_loopback_uplinks_ports_and_the_nodes_own_bridges_are_left_out() -> None:
    links = [
        a_link("lo", 1, loopback=True),
        a_link("eth0", 2),
        a_link("docker0", 3, kind="bridge"),
        a_link("cilium_host", 4, kind="veth"),
        a_link("eth1", 5),
        a_link("eth2", 6, master=3),
    ]
    assert [device.name for device in devices(links, {}, frozenset({2}), "dra.net")] == ["eth1"]


def test_a_name_that_is_no_text_is_left_out() -> None:
    assert devices([a_link("e\udcff"), a_link("a\x01b", 8)], {}, frozenset(), "dra.net") == ()


def test_several_interfaces_of_one_function_have_names_of_their_own() -> None:
    made = names(
        a_link("ens1", 7),
        a_link("ens1_1", 8),
        a_link("ens1_2", 9),
        ens1=CARD,
        ens1_1=replace(CARD, port="pf0vf3"),
        ens1_2=replace(CARD, port="sf88"),
    )
    assert made == {"ens1": "pci-0000-8a-00-0", "ens1_1": "pci-0000-8a-00-0-pf0vf3", "ens1_2": "pci-0000-8a-00-0-sf88"}


def test_the_name_of_a_further_interface_does_not_change_when_the_main_one_goes() -> None:
    further = a_link("ens1_1", 8)
    facts = replace(CARD, port="pf0vf3")
    together = names(a_link("ens1", 7), further, ens1=CARD, ens1_1=facts)
    assert names(further, ens1_1=facts)["ens1_1"] == together["ens1_1"]


def port(name: str, index: int, permanent: str | None) -> Link:
    """An interface of a card whose driver tells no ports."""
    link = a_link(name, index)
    return replace(link, identity=replace(link.identity, pci_address=CARD.pci_address, permanent_address=permanent))


def test_interfaces_that_no_port_tells_apart_are_all_named_by_themselves() -> None:
    one, two = port("ens1", 7, "02:00:00:00:00:01"), port("ens2", 8, "02:00:00:00:00:02")
    made = names(one, two, ens1=CARD, ens2=CARD)
    assert len(set(made.values())) == 2
    assert "pci-0000-8a-00-0" not in made.values()
    swapped = names(port("ens1", 9, "02:00:00:00:00:01"), two, ens1=CARD, ens2=CARD)
    assert swapped == made
    assert set(names(port("other", 7, "02:00:00:00:00:01"), two, other=CARD, ens2=CARD).values()) == {*made.values()}


def test_an_interface_that_is_not_offered_makes_the_other_one_of_its_function_no_main_one() -> None:
    one, two = port("ens1", 7, "02:00:00:00:00:01"), port("ens2", 8, "02:00:00:00:00:02")
    together = names(one, two, ens1=CARD, ens2=CARD)
    facts = {7: CARD, 8: CARD}
    (beside_an_uplink,) = devices((one, two), facts, frozenset({7}), "dra.net")
    assert beside_an_uplink.name == together["ens2"]


def test_an_interface_that_is_seen_twice_while_it_moves_is_one() -> None:
    made = names(port("ens1", 7, "02:00:00:00:00:01"), port("ens1b", 9, "02:00:00:00:00:01"), ens1=CARD, ens1b=CARD)
    assert made["ens1"] == "pci-0000-8a-00-0"


def test_interfaces_of_which_nothing_is_known_still_have_distinct_names() -> None:
    links = (port("ens1", 7, None), port("ens2", 8, None), port("ens3", 9, None))
    made = names(*links, ens1=CARD, ens2=CARD, ens3=CARD)
    assert made["ens1"] == "pci-0000-8a-00-0"
    assert len(set(made.values())) == 3
    assert names(*reversed(links), ens1=CARD, ens2=CARD, ens3=CARD) == made


def test_devices_are_sorted_by_name() -> None:
    made = devices([a_link("b", 1), a_link("a", 2), a_link("c", 3)], {}, frozenset(), "dra.net")
    assert [device.name for device in made] == ["a", "b", "c"]


interfaces = st.lists(
    st.tuples(
        st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=15),
        st.sampled_from([None, "0000:8a:00.0", "0000:8a:00.1"]),
        st.text(max_size=20),
    ),
    max_size=12,
    unique_by=lambda entry: entry[0],
)


@given(interfaces)
def test_every_device_name_is_a_label_and_none_is_twice(given_interfaces: list[tuple[str, str | None, str]]) -> None:
    links = [a_link(name, index) for index, (name, _, _) in enumerate(given_interfaces, 2)]
    hardware = {
        index: Hardware(virtual=pci is None, pci_address=pci, port=port)
        for index, (_, pci, port) in enumerate(given_interfaces, 2)
    }
    made = [device.name for device in devices(links, hardware, frozenset(), "dra.net")]
    assert len(made) == len(set(made))
    assert all(LABEL.fullmatch(name) for name in made)


def a_card(name: str = "mlx5_0", protocol: str = "ib", interface: int | None = None) -> RdmaDevice:
    """An RDMA device of CARD's function."""
    rdma = RdmaLink(name=name, index=0)
    return RdmaDevice(rdma=rdma, protocol=protocol, pci_address=CARD.pci_address, interface=interface)


def test_an_interface_tells_its_first_rdma_device() -> None:
    link, other = a_link("ens1", 7), a_link("ens2", 8)
    cards = [a_card("mlx5_1", "roce", 7), a_card("mlx5_0", "roce", 7), a_card("mlx5_2", "roce", 99)]
    with_rdma, without = devices([link, other], {}, frozenset(), "dra.net", cards)
    assert (with_rdma.attributes["dra.net/rdma"], with_rdma.attributes["dra.net/rdmaDevice"]) == (True, "mlx5_0")
    assert without.attributes["dra.net/rdma"] is False
    assert "dra.net/rdmaDevice" not in without.attributes


@pytest.mark.parametrize("protocol", ["ib", "iw", ""])
def test_an_rdma_device_without_an_interface_has_only_the_attributes_it_can_have(protocol: str) -> None:
    functions = {"0000:8a:00.0": CARD}
    (device,) = devices([], {}, frozenset(), "dra.net", [a_card(protocol=protocol)], functions)
    assert (device.name, device.interface) == ("pci-0000-8a-00-0", "")
    assert device.identity == Identity(ifindex=0, pci_address="0000:8a:00.0", rdma="mlx5_0")
    assert device.attributes == {
        "dra.net/pciAddress": "0000:8a:00.0",
        "dra.net/numaNode": 1,
        "dra.net/rdma": True,
        "dra.net/rdmaDevice": "mlx5_0",
        "resource.kubernetes.io/numaNode": 1,
        "resource.kubernetes.io/pciBusID": "0000:8a:00.0",
        "resource.kubernetes.io/pcieRoot": "pci0000:88",
    }


def test_rdma_over_ethernet_whose_interface_is_elsewhere_is_no_device_without_an_interface() -> None:
    assert devices([], {}, frozenset(), "dra.net", [a_card(protocol="roce")]) == ()


def test_the_rdma_device_of_an_uplink_is_not_offered() -> None:
    assert devices([a_link("ens1", 7)], {}, frozenset({7}), "dra.net", [a_card(interface=7)]) == ()


def test_two_rdma_devices_of_one_function_and_a_virtual_one_have_names_of_their_own() -> None:
    virtual = RdmaDevice(rdma=RdmaLink(name="siw0", index=3), protocol="iw")
    cards = [a_card("mlx5_0"), a_card("mlx5_1"), virtual, replace(virtual, rdma=RdmaLink(name="siw_1", index=4))]
    names = {device.name for device in devices([], {}, frozenset(), "dra.net", cards)}
    assert len(names) == 4
    assert {"pci-0000-8a-00-0", "siw0"} < names
