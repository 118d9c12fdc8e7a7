"""The real kernel keeps the contract of offloads, and the promises that only it can break."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.ethtool.control import EthtoolOffloads
from adapters.ethtool.family import Ethtool
from ports.devices import Offloads, Switch
from tests.contracts.offloads.contract import OffloadContract, World
from tests.netns.world import RealWorld

pytestmark = pytest.mark.netns


class RealOffloadWorld(RealWorld):
    """The real kernel with ethtool."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.offloads = EthtoolOffloads()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RealOffloadWorld]:
    made = RealOffloadWorld(tmp_path)
    yield made
    made.close()


class TestEthtoolOffloads(OffloadContract):
    @pytest.fixture
    def world(self, world: RealOffloadWorld) -> World:
        return world


def test_nothing_is_sent_when_all_is_so_already(world: RealOffloadWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    index = world.add_link("net7").identity.ifindex
    sent: list[tuple[Switch, ...]] = []

    def record(_self: Ethtool, switches: tuple[Switch, ...]) -> dict[str, bool]:
        sent.append(switches)
        return {}

    monkeypatch.setattr(Ethtool, "set_features", record)
    now = world.offloads.read(world.host, index)
    world.offloads.write(world.host, index, now)
    assert sent == []
    first = Switch(name=now.features[0].name, on=not now.features[0].on)
    world.offloads.write(world.host, index, Offloads(features=(first, *now.features[1:])))
    assert sent == [(first, *now.features[1:])]


def test_what_the_dependencies_hold_back_is_still_wanted_afterwards(world: RealOffloadWorld) -> None:
    """A refused wish changes nothing of what was wanted before it."""
    index = world.add_link("net7").identity.ifindex
    off = Offloads(features=(Switch(name="tx-checksum-ip-generic", on=False),))
    before = world.offloads.read(world.host, index)
    world.offloads.write(world.host, index, off)
    with pytest.raises(Exception, match="tx-tcp-segmentation on"):
        world.offloads.write(world.host, index, Offloads(features=(Switch(name="tx-tcp-segmentation", on=True),)))
    world.offloads.write(world.host, index, Offloads(features=(Switch(name="tx-checksum-ip-generic", on=True),)))
    assert world.offloads.read(world.host, index) == before


def test_no_descriptor_and_no_thread_is_left(world: RealOffloadWorld) -> None:
    index = world.add_link("net7").identity.ifindex
    world.offloads.read(world.host, index)
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        world.offloads.write(world.host, index, world.offloads.read(world.host, index))
        with pytest.raises(Exception, match="No such device"):
            world.offloads.read(world.host, 99999)
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (descriptors, threads)
