"""When the watcher looks, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from agent.services.watching import GATHER, LONGEST_GATHER, Watcher
from ports.devices import Inventory, Link, RdmaLink
from ports.discovery import Hardware, RdmaDevice
from ports.errors import Code, Failure
from tests.support.clock import FakeClock
from tests.watch.trees import a_link


class Host:
    """Interfaces and hardware facts; ``looks`` counts the looks, ``broken`` makes the next ones fail."""

    def __init__(self, clock: FakeClock, *links: Link) -> None:
        self.shown = links
        self.upward: frozenset[int] = frozenset()
        self.looks = 0
        self.broken = 0
        self.takes = 0.0
        self.rdma: tuple[RdmaDevice, ...] = ()
        self._clock = clock

    def links(self) -> tuple[Link, ...]:
        self.looks += 1
        self._clock.advance(self.takes)
        if self.broken:
            self.broken -= 1
            raise Failure(Code.KERNEL, "interfaces", "the table kept changing while it was read")
        return self.shown

    def uplinks(self) -> frozenset[int]:
        return self.upward

    def hardware(self, link: Link) -> Hardware | None:
        return Hardware(virtual=True)

    def function(self, pci_address: str) -> Hardware:
        return Hardware(virtual=False, pci_address=pci_address)

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        return self.rdma


class Script:
    """``Changes`` that carries out the next act of a script at each long wait, and stops the watcher at its end."""

    def __init__(self, stopped: threading.Event, acts: Iterator[bool]) -> None:
        self.waits: list[float] = []
        self._stopped = stopped
        self._acts = acts

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        if timeout == 0:
            return False
        try:
            return next(self._acts)
        except StopIteration:
            self._stopped.set()
            return True


class Stage:
    """A watcher with everything around it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.host = Host(self.clock, a_link("net1", 2))
        self.published: list[Inventory] = []
        self.waits: list[float] = []

    def publish(self, inventory: Inventory) -> None:
        self.published.append(inventory)

    def play(self, acts: Iterator[bool]) -> None:
        stopped = threading.Event()
        changes = Script(stopped, acts)
        Watcher(
            interfaces=self.host,
            hardware=self.host,
            rdma=self.host,
            changes=changes,
            sink=self,
            clock=self.clock,
            driver="dra.net",
        ).run(stopped)
        self.waits = changes.waits

    def names(self) -> list[list[str]]:
        return [[device.name for device in inventory.devices] for inventory in self.published]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_first_inventory_is_published_without_any_event(stage: Stage) -> None:
    stage.play(iter(()))
    assert stage.names() == [["net1"]]


def test_an_empty_host_is_published_too(stage: Stage) -> None:
    stage.host.shown = ()
    stage.play(iter(()))
    assert stage.names() == [[]]


def test_an_rdma_device_without_an_interface_is_published_with_the_facts_of_its_function(stage: Stage) -> None:
    card = RdmaLink(name="mlx5_0", index=0)
    stage.host.rdma = (RdmaDevice(rdma=card, protocol="ib", pci_address="0000:81:00.0"),)
    stage.play(iter(()))
    device = stage.published[0].device("pci-0000-81-00-0")
    assert device is not None
    assert device.attributes["dra.net/pciAddress"] == "0000:81:00.0"


def test_a_change_is_published_with_the_next_generation(stage: Stage) -> None:
    def acts() -> Iterator[bool]:
        stage.host.shown = (a_link("net1", 2), a_link("net2", 3))
        yield True
        stage.host.shown = (a_link("net1", 2, mtu=9000),)
        yield True

    stage.play(acts())
    assert stage.names() == [["net1"], ["net1", "net2"], ["net1"]]
    assert [inventory.generation for inventory in stage.published] == [1, 2, 3]
    assert stage.published[-1].devices[0].attributes["dra.net/mtu"] == 9000


def test_an_event_that_changes_nothing_publishes_nothing(stage: Stage) -> None:
    stage.play(iter((True, True)))
    assert stage.host.looks == 3
    assert len(stage.published) == 1


def test_without_events_nothing_is_looked_at(stage: Stage) -> None:
    stage.play(iter((False, False, False)))
    assert stage.host.looks == 1
    assert min(stage.waits) >= 3600


def test_a_link_that_becomes_an_uplink_is_taken_out(stage: Stage) -> None:
    def acts() -> Iterator[bool]:
        stage.host.upward = frozenset({2})
        yield True

    stage.play(acts())
    assert stage.names() == [["net1"], []]


def test_a_look_waits_for_the_rest_of_a_burst(stage: Stage) -> None:
    before = stage.clock.monotonic()
    stage.play(iter((True,)))
    assert stage.clock.monotonic() - before == pytest.approx(GATHER)
    assert stage.waits.count(0) == 1


def test_looks_that_take_long_are_spaced_out_within_bounds(stage: Stage) -> None:
    stage.host.takes = 0.2
    before = stage.clock.monotonic()
    stage.play(iter((True,)))
    assert stage.clock.monotonic() - before == pytest.approx(0.2 + 0.2 + 0.2)
    stage.host.takes = 60.0
    before = stage.clock.monotonic()
    stage.play(iter((True,)))
    assert stage.clock.monotonic() - before == pytest.approx(60.0 + LONGEST_GATHER + 60.0)


def test_a_look_that_failed_is_done_again_without_an_event(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.host.broken = 2
    stage.play(iter((False, False)))
    assert stage.names() == [["net1"]]
    assert len([line for line in caplog.messages if "try again" in line]) == 1


def test_a_failed_look_does_not_unpublish_anything(stage: Stage) -> None:
    def acts() -> Iterator[bool]:
        stage.host.broken = 1
        yield True

    stage.play(acts())
    assert stage.names() == [["net1"]]
