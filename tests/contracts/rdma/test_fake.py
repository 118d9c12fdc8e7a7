"""The model keeps the contract of RDMA devices, in both modes."""

from __future__ import annotations

from itertools import count

import pytest

from ports.devices import Link, RdmaLink
from ports.errors import Code, Failure
from ports.kernel import Namespace
from tests.contracts.kernel.fake import FakeKernel
from tests.contracts.rdma.contract import ExclusiveContract, SharedContract, World
from tests.contracts.rdma.fake import FakeRdma


class FakeWorld:
    """Arranges the model beside the kernel's."""

    def __init__(self, exclusive: bool) -> None:
        self.kernel = FakeKernel()
        self.rdma = FakeRdma(self.kernel.host, exclusive=exclusive)
        self._numbers = count()

    @property
    def host(self) -> Namespace:
        return self.kernel.host

    def add_namespace(self) -> Namespace:
        path = f"/run/netns/{next(self._numbers)}"
        self.kernel.add_namespace(path)
        return self.kernel.open(path)

    def end_namespace(self, namespace: Namespace) -> None:
        cookie = namespace.cookie
        namespace.close()
        self.rdma.end_namespace(cookie)

    def add_interface(self) -> Link:
        return self.kernel.add_link(f"d{next(self._numbers)}", up=False)

    def add_rdma(self, link: Link) -> RdmaLink:
        return self.rdma.add(f"rxe{next(self._numbers)}", link)

    def rename_inside(self, namespace: Namespace, rdma: RdmaLink, name: str) -> None:
        self.rdma.tamper(rdma, name)


class TestShared(SharedContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld(exclusive=False)


class TestExclusive(ExclusiveContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeWorld(exclusive=True)


def test_a_driver_started_again_makes_another_device_of_that_name() -> None:
    world = FakeWorld(exclusive=False)
    link = world.add_interface()
    before = world.add_rdma(link)
    again = world.rdma.reload(before)
    assert again.name == before.name
    assert again.index != before.index
    assert world.rdma.of(world.host, link) == (again,)
    assert world.rdma.nodes(again) != ()
    with pytest.raises(Failure) as caught:
        world.rdma.nodes(before)
    assert caught.value.code is Code.NOT_FOUND


def test_any_call_can_be_made_to_fail_before_or_after_it_is_done() -> None:
    world = FakeWorld(exclusive=True)
    device, pod = world.add_rdma(world.add_interface()), world.add_namespace()

    def fail(call: str) -> None:
        if call == "move":
            raise Failure(Code.KERNEL, call, "made to fail")

    world.rdma.before_call = fail
    with pytest.raises(Failure):
        world.rdma.move(device, world.host, pod)
    assert world.rdma.at(world.host, device.index) == device
    world.rdma.before_call, world.rdma.after_call = world.rdma.after_call, fail
    with pytest.raises(Failure):
        world.rdma.move(device, world.host, pod)
    assert world.rdma.at(pod, device.index) == device
