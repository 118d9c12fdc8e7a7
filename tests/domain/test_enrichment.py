"""A platform adds to a device and changes nothing of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.enrichment import enriched, identifiers, refused
from ports.devices import AttributeValue, Device, Identity
from ports.providers import Description, DeviceIds

OWN: dict[str, AttributeValue] = {"dra.net/ifName": "ens1", "dra.net/mtu": 1500, "resource.kubernetes.io/numaNode": 0}
DEVICE = Device(name="ens1", identity=Identity(ifindex=7), interface="ens1", attributes=OWN)


def said(**attributes: AttributeValue) -> Description:
    return Description(
        attributes={name.replace("__", "/").replace("_", "."): value for name, value in attributes.items()}
    )


def test_without_a_description_a_device_is_what_it_was() -> None:
    assert enriched(DEVICE, None, "dra.net") is DEVICE
    assert enriched(DEVICE, Description(), "dra.net") is DEVICE


def test_attributes_are_added_also_in_the_drivers_domain() -> None:
    found = enriched(DEVICE, said(gce_dra_net__host="h1", dra_net__rail=3, plain=True), "dra.net").attributes
    assert found == {**OWN, "gce.dra.net/host": "h1", "dra.net/rail": 3, "dra.net/plain": True}


def test_what_the_node_knows_by_itself_stays_and_reserved_domains_are_nobodys() -> None:
    spoof = Description(
        attributes={
            "dra.net/ifName": "eth0",
            "mtu": 9000,
            "resource.kubernetes.io/numaNode": 1,
            "resource.kubernetes.io/pcieRoot": "pci0000:00",
            "k8s.io/x": 1,
            "k8s.cni.cncf.io/deviceID": "1",
        }
    )
    found = enriched(DEVICE, spoof, "dra.net").attributes
    assert found == {**OWN, "k8s.cni.cncf.io/deviceID": "1"}
    assert refused(DEVICE, spoof, "dra.net") == (
        "attribute dra.net/ifName is not taken from the platform: the node knows it by itself",
        "attribute dra.net/mtu is not taken from the platform: the node knows it by itself",
        "attribute k8s.io/x is not taken from the platform: its domain is reserved",
        "attribute resource.kubernetes.io/numaNode is not taken from the platform: its domain is reserved",
        "attribute resource.kubernetes.io/pcieRoot is not taken from the platform: its domain is reserved",
    )


def test_a_platform_gets_the_ids_that_there_are() -> None:
    alone = Device(name="ib", identity=Identity(ifindex=0, pci_address="0000:01:00.0", rdma="mlx5_0"), interface="")
    assert identifiers(alone, "dra.net") == DeviceIds(device="ib", pci_address="0000:01:00.0", rdma="mlx5_0")
    wired = Device(name="x", identity=Identity(ifindex=1, permanent_address="02:00:00:00:00:09"), interface="eth1")
    assert identifiers(wired, "dra.net") == DeviceIds(device="x", interface="eth1", mac="02:00:00:00:00:09")


NAMES = st.sampled_from([*OWN, "a.b/c", "plain", "x.k8s.io/y", "/", "dra.net/other", ""]) | st.text(max_size=20)


@given(st.dictionaries(NAMES, st.integers() | st.text(max_size=5) | st.booleans(), max_size=40))
def test_own_attributes_always_win(attributes: dict[str, AttributeValue]) -> None:
    found = enriched(DEVICE, Description(attributes=attributes), "dra.net")
    assert OWN.items() <= found.attributes.items()
    assert (found.name, found.identity, found.interface) == (DEVICE.name, DEVICE.identity, DEVICE.interface)
