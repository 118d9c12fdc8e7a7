"""What a node publishes: what the host shows, and what it shows no more because a pod has it."""

from __future__ import annotations

from agent.domain.discovery.names import marked
from agent.domain.inventory import complete, shown
from ports.devices import Device, Identity, Inventory
from ports.outbox import Holding
from tests.domain.values import device


def inventory(*devices: Device) -> Inventory:
    return Inventory(generation=1, devices=devices)


def hardware(name: str, address: str) -> Device:
    return Device(name=name, identity=Identity(ifindex=3, permanent_address=address), interface=name)


def test_a_device_in_a_pod_stays_published_as_it_was() -> None:
    away = device("b", mtu=9000)
    assert complete(inventory(device("a"), device("c")), (Holding(devices=(away,)),)) == (
        device("a"),
        away,
        device("c"),
    )


def test_what_the_host_shows_wins() -> None:
    assert complete(inventory(device("a", mtu=1)), (Holding(devices=(device("a", mtu=2),)),)) == (device("a", mtu=1),)


def test_hardware_that_came_back_under_another_name_is_not_published_twice() -> None:
    back = hardware("renamed", "02:00:00:00:00:01")
    assert complete(inventory(back), (Holding(devices=(hardware("ens1", "02:00:00:00:00:01"),)),)) == (back,)


def test_two_made_up_links_are_two_devices() -> None:
    assert len(complete(inventory(device("a")), (Holding(devices=(device("b"),)),))) == 2


def test_an_rdma_device_whose_interface_is_in_a_pod_is_not_taken_for_one_without_an_interface() -> None:
    away = Device(name="pci-0000-3b-00-0", identity=Identity(ifindex=3, pci_address="0000:3b:00.0"), interface="ens1")
    left = Device(name=away.name, identity=Identity(ifindex=0, pci_address="0000:3b:00.0", rdma="mlx5_0"), interface="")
    assert complete(inventory(left), (Holding(devices=(away,)),)) == (away,)
    assert complete(inventory(left), ()) == (left,)


FUNCTION, ONE, TWO = "pci-0000-3b-00-0", "02:00:00:00:00:01", "02:00:00:00:00:02"


def port(name: str, address: str | None, interface: str = "ens1") -> Device:
    """A device of a function with several interfaces."""
    identity = Identity(ifindex=3, pci_address="0000:3b:00.0", permanent_address=address)
    return Device(name=name, identity=identity, interface=interface)


def named(shown_now: Device, *held: Device) -> str:
    (found,) = shown(inventory(shown_now), (Holding(devices=held),) if held else ())
    return found.name


def test_an_interface_is_not_taken_for_another_one_of_its_function_that_is_in_a_pod() -> None:
    left = port(FUNCTION, TWO, "ens2")
    assert named(left, port(marked(FUNCTION, ONE), ONE)) == marked(FUNCTION, TWO)
    assert named(left, port(FUNCTION, ONE)) == marked(FUNCTION, TWO)
    in_pod = port(FUNCTION, ONE)
    assert [each.name for each in complete(inventory(left), (Holding(devices=(in_pod,)),))] == [
        FUNCTION,
        marked(FUNCTION, TWO),
    ]


def test_an_interface_keeps_the_name_that_its_claim_knows() -> None:
    assert named(port(FUNCTION, ONE), port(marked(FUNCTION, ONE), ONE)) == marked(FUNCTION, ONE)
    assert named(port(marked(FUNCTION, ONE), ONE), port(FUNCTION, ONE)) == FUNCTION


def test_other_ports_and_functions_and_interfaces_that_cannot_be_told_apart_keep_their_names() -> None:
    assert named(port(f"{FUNCTION}-p1", TWO), port(FUNCTION, ONE)) == f"{FUNCTION}-p1"
    assert named(port(FUNCTION, TWO)) == FUNCTION
    assert named(port(FUNCTION, None), port(FUNCTION, ONE)) == FUNCTION
    assert named(port(FUNCTION, ONE), port(FUNCTION, ONE)) == FUNCTION


def test_another_card_in_the_place_of_one_that_a_claim_has_is_another_device() -> None:
    assert named(hardware("usb0", TWO), hardware("usb0", ONE)) == marked("usb0", TWO)
    assert named(hardware("usb0", ONE), hardware("usb0", ONE)) == "usb0"


def test_an_rdma_device_is_not_taken_for_another_one_of_its_function() -> None:
    def rdma(name: str, link: str) -> Device:
        return Device(name=name, identity=Identity(ifindex=0, pci_address="0000:3b:00.0", rdma=link), interface="")

    assert named(rdma(FUNCTION, "mlx5_1"), rdma(FUNCTION, "mlx5_0")) == marked(FUNCTION, "mlx5_1")
    assert named(rdma(FUNCTION, "mlx5_0"), rdma(FUNCTION, "mlx5_0")) == FUNCTION
