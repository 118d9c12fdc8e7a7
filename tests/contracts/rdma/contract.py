"""What every implementation of ``ports.controls.RdmaControl`` does, in both modes, the model and the real one alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from ports.controls import RdmaControl
from ports.devices import Link, RdmaLink
from ports.errors import Code, Failure
from ports.kernel import Namespace

ABSENT = RdmaLink(name="absent0", index=99999)


class World(Protocol):
    """What a test arranges around RDMA devices."""

    @property
    def rdma(self) -> RdmaControl:
        """The control under test."""
        ...

    @property
    def host(self) -> Namespace:
        """The host's namespace."""
        ...

    def add_namespace(self) -> Namespace:
        """A new namespace, open."""
        ...

    def end_namespace(self, namespace: Namespace) -> None:
        """End it for good: nothing holds it open any more."""
        ...

    def add_interface(self) -> Link:
        """A new interface of the host, without RDMA."""
        ...

    def add_rdma(self, link: Link) -> RdmaLink:
        """A new RDMA device of that interface."""
        ...

    def rename_inside(self, namespace: Namespace, rdma: RdmaLink, name: str) -> None:
        """What a pod with CAP_NET_ADMIN can do."""
        ...


class RdmaContract:
    """Inherit and provide the fixture ``world``."""

    @pytest.fixture
    def world(self) -> World | Iterator[World]:
        """The control under test in a world of its own."""
        raise NotImplementedError

    @pytest.fixture
    def link(self, world: World) -> Link:
        """An interface with RDMA."""
        return world.add_interface()

    @pytest.fixture
    def device(self, world: World, link: Link) -> RdmaLink:
        """Its RDMA device."""
        return world.add_rdma(link)

    def test_an_interface_has_its_own_devices_and_no_others(self, world: World, link: Link, device: RdmaLink) -> None:
        other = world.add_interface()
        assert world.rdma.of(world.host, link) == (device,)
        assert world.rdma.of(world.host, other) == ()

    def test_a_device_is_found_by_name_and_by_index(self, world: World, device: RdmaLink) -> None:
        assert world.rdma.find(world.host, device.name) == device
        assert world.rdma.at(world.host, device.index) == device

    def test_a_device_that_is_not_there_is_none(self, world: World, device: RdmaLink) -> None:
        assert world.rdma.find(world.host, ABSENT.name) is None
        assert world.rdma.at(world.host, ABSENT.index) is None
        assert world.rdma.interface(world.host, ABSENT) is None

    def test_a_device_tells_its_interface(self, world: World, link: Link, device: RdmaLink) -> None:
        assert world.rdma.interface(world.host, device) == link.identity.ifindex

    def test_its_character_devices_are_verbs_and_the_connection_manager(self, world: World, device: RdmaLink) -> None:
        nodes = world.rdma.nodes(device)
        names = [node.path.removeprefix("/dev/infiniband/") for node in nodes]
        assert names == sorted(names)
        assert "rdma_cm" in names
        assert sum(name.startswith("uverbs") for name in names) == 1
        assert {node.type for node in nodes} == {"c"}

    def test_two_devices_share_no_character_device_but_the_connection_manager(
        self, world: World, device: RdmaLink
    ) -> None:
        other = world.add_rdma(world.add_interface())
        shared = set(world.rdma.nodes(device)) & set(world.rdma.nodes(other))
        assert {node.path for node in shared} == {"/dev/infiniband/rdma_cm"}

    def test_a_virtual_device_has_no_pci_function(self, world: World, device: RdmaLink) -> None:
        assert world.rdma.pci_address(device) is None

    def test_its_ports_tell_their_state(self, world: World, device: RdmaLink) -> None:
        states = ("active", "down", "init", "armed", "active-defer")
        found = world.rdma.ports(world.host, device)
        assert [number for number, _ in found] == [1]
        assert all(state in states for _, state in found)
        assert world.rdma.ports(world.host, ABSENT) == ()

    def test_nothing_can_be_used_of_a_device_that_is_not_there(self, world: World) -> None:
        _fails(Code.NOT_FOUND, lambda: world.rdma.nodes(ABSENT))

    def test_a_device_that_is_not_there_cannot_be_moved(self, world: World) -> None:
        pod = world.add_namespace()
        _fails(Code.NOT_FOUND, lambda: world.rdma.move(ABSENT, world.host, pod))

    def test_a_device_gets_its_name_again(self, world: World, device: RdmaLink) -> None:
        world.rename_inside(world.host, device, "kndevil0")
        world.rdma.rename(device, world.host)
        assert world.rdma.at(world.host, device.index) == device


class SharedContract(RdmaContract):
    """The mode in which all namespaces see all devices."""

    def test_the_mode_is_told(self, world: World) -> None:
        assert world.rdma.exclusive() is False

    def test_a_device_is_seen_from_everywhere_its_interface_is_not(
        self, world: World, link: Link, device: RdmaLink
    ) -> None:
        pod = world.add_namespace()
        assert world.rdma.find(pod, device.name) == device
        assert world.rdma.at(pod, device.index) == device
        assert world.rdma.interface(pod, device) is None
        assert world.rdma.of(pod, link) == ()

    def test_nothing_can_be_moved(self, world: World, device: RdmaLink) -> None:
        pod = world.add_namespace()
        _fails(Code.KERNEL, lambda: world.rdma.move(device, world.host, pod))
        assert world.rdma.at(world.host, device.index) == device


class ExclusiveContract(RdmaContract):
    """The mode in which each device belongs to one namespace."""

    def test_the_mode_is_told(self, world: World) -> None:
        assert world.rdma.exclusive() is True

    def test_a_moved_device_is_in_one_place_with_the_same_index(self, world: World, device: RdmaLink) -> None:
        pod, other = world.add_namespace(), world.add_namespace()
        world.rdma.move(device, world.host, pod)
        assert world.rdma.at(pod, device.index) == device
        assert world.rdma.at(world.host, device.index) is None
        assert world.rdma.find(other, device.name) is None
        world.rdma.move(device, pod, world.host)
        assert world.rdma.at(world.host, device.index) == device
        assert world.rdma.at(pod, device.index) is None

    def test_its_character_devices_are_told_wherever_it_is(self, world: World, device: RdmaLink) -> None:
        before = world.rdma.nodes(device)
        world.rdma.move(device, world.host, world.add_namespace())
        assert world.rdma.nodes(device) == before

    def test_a_device_is_moved_only_from_where_it_is(self, world: World, device: RdmaLink) -> None:
        pod, other = world.add_namespace(), world.add_namespace()
        world.rdma.move(device, world.host, pod)
        _fails(Code.NOT_FOUND, lambda: world.rdma.move(device, other, world.host))
        _fails(Code.NOT_FOUND, lambda: world.rdma.move(device, world.host, pod))
        assert world.rdma.at(pod, device.index) == device

    def test_what_a_pod_renamed_comes_back_under_its_name(self, world: World, device: RdmaLink) -> None:
        pod = world.add_namespace()
        world.rdma.move(device, world.host, pod)
        world.rename_inside(pod, device, "kndevil0")
        world.rdma.move(device, pod, world.host)
        assert world.rdma.at(world.host, device.index) == device

    def test_a_namespace_that_ends_gives_its_devices_to_the_host(self, world: World, device: RdmaLink) -> None:
        pod = world.add_namespace()
        world.rdma.move(device, world.host, pod)
        world.end_namespace(pod)
        assert world.rdma.at(world.host, device.index) == device


def _fails(code: Code, act: Callable[[], object]) -> None:
    with pytest.raises(Failure) as caught:
        act()
    assert caught.value.code is code, caught.value
