"""The model keeps the kernel's contract, and the promises that only a model can make."""

from __future__ import annotations

from itertools import count

import pytest

from ports.devices import Address, Link, Route
from ports.errors import Code, Failure
from tests.contracts.kernel.contract import KernelContract
from tests.contracts.kernel.fake import FakeKernel
from tests.contracts.kernel.routing_contract import RoutingContract
from tests.contracts.kernel.settings_contract import SettingsContract
from tests.contracts.kernel.uplinks_contract import UplinksContract
from tests.contracts.kernel.world import World

POD = "/run/netns/pod"


class FakeWorld:
    """Arranges the model."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self._paths = (f"/run/netns/{number}" for number in count())

    def add_link(self, name: str, ifindex: int | None = None) -> Link:
        return self.kernel.add_link(name, up=False, ifindex=ifindex)

    def add_namespace(self) -> str:
        path = next(self._paths)
        self.kernel.add_namespace(path)
        return path

    def foreign_path(self) -> str:
        self.kernel.add_file("/etc/hostname")
        return "/etc/hostname"

    def host_path(self) -> str:
        self.kernel.add_host_path("/proc/1/ns/net")
        return "/proc/1/ns/net"


class TestFakeKernel(KernelContract, RoutingContract, SettingsContract, UplinksContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld()


@pytest.fixture
def kernel() -> FakeKernel:
    made = FakeKernel()
    made.add_namespace(POD)
    return made


def test_hardware_returns_under_its_pod_name_when_its_namespace_ends(kernel: FakeKernel) -> None:
    card = kernel.add_link("ens1", pci_address="0000:3b:00.0")
    pod = kernel.open(POD)
    kernel.host.move(card.identity.ifindex, pod, "net1")
    pod.close()
    kernel.kill_namespace(POD)
    back = kernel.host.find("net1")
    assert back is not None
    assert back.identity == card.identity


def test_hardware_whose_pod_name_is_taken_in_the_host_returns_as_dev_and_index(kernel: FakeKernel) -> None:
    card = kernel.add_link("ens1", pci_address="0000:3b:00.0")
    with_handle = kernel.open(POD)
    kernel.host.move(card.identity.ifindex, with_handle, "net1")
    kernel.add_link("net1")
    with_handle.close()
    kernel.kill_namespace(POD)
    assert kernel.host.find(f"dev{card.identity.ifindex}") is not None


def test_virtual_links_vanish_with_their_namespace(kernel: FakeKernel) -> None:
    link = kernel.add_link("veth0")
    pod = kernel.open(POD)
    kernel.host.move(link.identity.ifindex, pod, "net1")
    pod.close()
    kernel.kill_namespace(POD)
    assert {found.name for found in kernel.host.links()} == {"lo"}


def test_an_open_handle_keeps_a_namespace_alive(kernel: FakeKernel) -> None:
    link = kernel.add_link("veth0")
    pod = kernel.open(POD)
    moved = kernel.host.move(link.identity.ifindex, pod, "net1")
    kernel.kill_namespace(POD)
    assert kernel.open_handles == 1
    assert pod.link(moved.identity.ifindex) == moved
    pod.move(moved.identity.ifindex, kernel.host, "veth0")
    pod.close()
    assert kernel.open_handles == 0
    assert kernel.host.find("veth0") is not None


def test_any_call_can_be_made_to_fail_before_or_after_it_is_done(kernel: FakeKernel) -> None:
    index = kernel.add_link("veth0").identity.ifindex

    def fail(call: str) -> None:
        if call == "set_mtu":
            raise Failure(Code.KERNEL, call, "made to fail")

    kernel.before_call = fail
    with pytest.raises(Failure):
        kernel.host.set_mtu(index, 1400)
    assert kernel.host.link(index).mtu == 1500
    kernel.before_call, kernel.after_call = kernel.after_call, fail
    with pytest.raises(Failure):
        kernel.host.set_mtu(index, 1400)
    assert kernel.host.link(index).mtu == 1400
    assert kernel.calls.count("set_mtu") == 2


def test_uplinks_hold_masters_slaves_and_lower_links(kernel: FakeKernel) -> None:
    port = kernel.add_link("ens1", pci_address="0000:3b:00.0")
    bond = kernel.add_link("bond0", kind="bond")
    default = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
    vlan = kernel.add_link("bond0.100", kind="vlan", lower=bond.identity.ifindex, routes=(default,))
    slave = kernel.add_link("ens2", pci_address="0000:3b:00.1", master=bond.identity.ifindex)
    spare = kernel.add_link("ens3", addresses=(Address(prefix="192.0.2.9/24"),))
    expected = {link.identity.ifindex for link in (bond, vlan, slave)}
    assert set(kernel.uplinks()) == expected
    assert not expected & {port.identity.ifindex, spare.identity.ifindex}
