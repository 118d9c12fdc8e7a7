"""The model keeps the contract of offloads."""

from __future__ import annotations

import pytest

from ports.devices import Offloads, Switch
from tests.contracts.kernel.test_fake import FakeWorld
from tests.contracts.offloads.contract import OffloadContract, World
from tests.contracts.offloads.fake import FakeOffloads


class FakeOffloadWorld(FakeWorld):
    """The model of the kernel with that of offloads."""

    def __init__(self) -> None:
        super().__init__()
        self.offloads = FakeOffloads(self.kernel)


class TestFakeOffloads(OffloadContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeOffloadWorld()


def test_only_what_differs_counts_as_a_write() -> None:
    world = FakeOffloadWorld()
    index = world.add_link("net7").identity.ifindex
    world.offloads.give_flags(world.kernel.host, index, legacy=False)
    for _ in range(2):
        world.offloads.write(world.kernel.host, index, Offloads(flags=(Switch(name="legacy", on=True),)))
    assert world.offloads.writes == 1
    assert world.offloads.read(world.kernel.host, index).flags == (Switch(name="legacy", on=True),)
