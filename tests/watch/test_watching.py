"""When the watcher looks, at what, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from agent.services.pacing import GATHER, LONGEST
from agent.services.watching import AT_ONCE, AUDIT, Watcher
from ports.devices import Inventory, Link, RdmaLink
from ports.discovery import Hardware, RdmaDevice
from ports.errors import Code, Failure
from ports.hardware import PciFacts, WireNeighbour
from ports.touched import EVERYTHING, NOTHING, Touched
from tests.support.clock import FakeClock
from tests.watch.trees import a_link

CARD = "0000:81:00.0"
ROUTING = Touched(routing=True)


def link(*indexes: int) -> Touched:
    """These links were touched."""
    return Touched(links=frozenset(indexes))


class Host:
    """Interfaces and hardware facts; ``asked`` lists the questions, ``broken`` makes the next ones fail."""

    def __init__(self, clock: FakeClock, *links: Link) -> None:
        self.shown = links
        self.upward: dict[int, str] = {}
        self.asked: list[str] = []
        self.broken = 0
        self.takes = 0.0
        self.rdma: tuple[RdmaDevice, ...] = ()
        self.facts: dict[int, Hardware] = {}
        self._clock = clock

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.broken:
            self.broken -= 1
            raise Failure(Code.KERNEL, "interfaces", "the table kept changing while it was read")

    def links(self) -> tuple[Link, ...]:
        self._clock.advance(self.takes)
        self._ask("links")
        return self.shown

    def link(self, ifindex: int) -> Link | None:
        self._clock.advance(self.takes)
        self._ask(f"link {ifindex}")
        return next((link for link in self.shown if link.identity.ifindex == ifindex), None)

    def uplinks(self) -> dict[int, str]:
        self._ask("uplinks")
        return self.upward

    def hardware(self, link: Link) -> Hardware | None:
        self._ask(f"hardware {link.identity.ifindex}")
        return self.facts.get(link.identity.ifindex, Hardware(virtual=True))

    def function(self, pci_address: str) -> Hardware:
        return Hardware(virtual=False, pci_address=pci_address)

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        self._ask("rdma")
        return self.rdma


class GatheringClock(FakeClock):
    """Knows whether somebody slept a moment ago, as the watcher does while it gathers events, and at no other time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = False

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept = True


class Script:
    """``Changes`` that tells the next part of a script at each long wait, and stops the watcher at its end."""

    def __init__(self, clock: GatheringClock, stopped: threading.Event, acts: Iterator[Touched]) -> None:
        self.waits: list[float] = []
        self.meanwhile: list[Touched] = []
        self._clock = clock
        self._stopped = stopped
        self._acts = acts

    def wait(self, timeout: float) -> Touched:
        gathering, self._clock.slept = self._clock.slept, False
        if gathering:
            return self.meanwhile.pop(0) if self.meanwhile else NOTHING
        self.waits.append(timeout)
        try:
            touched = next(self._acts)
        except StopIteration:
            self._stopped.set()
            return NOTHING
        if not touched:
            self._clock.advance(timeout)
        return touched


class Stage:
    """A watcher with everything around it."""

    def __init__(self) -> None:
        self.clock = GatheringClock()
        self.host = Host(self.clock, a_link("net1", 2))
        self.published: list[Inventory] = []
        self.changes = Script(self.clock, threading.Event(), iter(()))

    def publish(self, inventory: Inventory) -> None:
        self.published.append(inventory)

    def play(self, acts: Iterator[Touched], meanwhile: Iterable[Touched] = ()) -> None:
        stopped = threading.Event()
        self.changes = Script(self.clock, stopped, acts)
        self.changes.meanwhile = list(meanwhile)
        Watcher(
            interfaces=self.host,
            hardware=self.host,
            rdma=self.host,
            changes=self.changes,
            sink=self,
            clock=self.clock,
            driver="dra.net",
            dice=lambda: 0.5,
        ).run(stopped)

    def names(self) -> list[list[str]]:
        return [[device.name for device in inventory.devices] for inventory in self.published]

    def mtu(self, name: str) -> object:
        device = self.published[-1].device(name)
        return device and device.attributes["dra.net/mtu"]

    def asked_after_the_first_look(self) -> set[str]:
        first = self.host.asked.index("rdma")
        return set(self.host.asked[first + 1 :])


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
    stage.host.rdma = (RdmaDevice(rdma=RdmaLink(name="mlx5_0", index=0), protocol="ib", pci_address=CARD),)
    stage.play(iter(()))
    device = stage.published[0].device("pci-0000-81-00-0")
    assert device is not None
    assert device.attributes["dra.net/pciAddress"] == CARD


def test_a_change_is_published_with_the_next_generation(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2), a_link("net2", 3))
        yield link(3)
        stage.host.shown = (a_link("net1", 2, mtu=9000),)
        yield link(2, 3)

    stage.play(acts())
    assert stage.names() == [["net1"], ["net1", "net2"], ["net1"]]
    assert [inventory.generation for inventory in stage.published] == [1, 2, 3]
    assert stage.published[-1].devices[0].attributes["dra.net/mtu"] == 9000


def test_who_stays_behind_on_a_function_that_tells_no_ports_does_not_take_the_others_name(stage: Stage) -> None:
    def port(index: int) -> Link:
        made = a_link(f"ens{index}", index, pci=CARD)
        return replace(made, identity=replace(made.identity, permanent_address=f"02:00:00:00:00:0{index}"))

    def acts() -> Iterator[Touched]:
        stage.host.shown = (port(5),)
        yield link(4)

    stage.host.shown = (port(4), port(5))
    stage.host.facts = {4: Hardware(virtual=False, pci_address=CARD), 5: Hardware(virtual=False, pci_address=CARD)}
    stage.play(acts())
    both, (left,) = stage.names()
    assert left in both
    assert left != "pci-0000-81-00-0"


def test_an_event_that_changes_nothing_publishes_nothing(stage: Stage) -> None:
    stage.play(iter((link(2), link(2))))
    assert len(stage.published) == 1


def test_without_events_nothing_is_looked_at_until_the_audit(stage: Stage) -> None:
    stage.play(iter(()))
    assert stage.host.asked.count("links") == 1
    assert stage.changes.waits == [AUDIT]


@pytest.mark.parametrize(
    ("touched", "asked"),
    [
        (link(3), {"link 3", "hardware 3"}),
        (Touched(addresses=frozenset({3})), {"hardware 3", "uplinks"}),
        (Touched(functions=frozenset({CARD})), {"hardware 4", "hardware 5", "rdma"}),
        (Touched(rdma=frozenset({"mlx5_0"})), {"rdma"}),
        (ROUTING, {"uplinks"}),
        (link(99), {"link 99"}),
    ],
    ids=["link", "addresses", "function", "rdma", "routing", "somebody else's link"],
)
def test_only_what_was_touched_is_read_again(stage: Stage, touched: Touched, asked: set[str]) -> None:
    virtual_function = a_link("vf", 5, pci="0000:81:10.2")
    stage.host.shown = (a_link("net1", 2), a_link("net2", 3), a_link("card", 4, pci=CARD), virtual_function)
    stage.play(iter((touched,)))
    assert stage.asked_after_the_first_look() == asked


def test_after_lost_events_links_are_looked_at_first_and_then_the_hardware_of_a_few_at_a_time(stage: Stage) -> None:
    stage.host.shown = tuple(a_link(f"net{index}", index) for index in range(2, 2 + 2 * AT_ONCE))
    seen: list[int] = []

    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net2", 2, mtu=9000), *stage.host.shown[1:])
        stage.host.asked.clear()
        yield EVERYTHING
        for more in (True, True, False):
            seen.append(len([question for question in stage.host.asked if question.startswith("hardware")]))
            if more:
                yield NOTHING

    stage.play(acts())
    assert seen == [1, 1 + AT_ONCE, 2 * AT_ONCE]
    assert stage.host.asked.count("links") == 1
    assert stage.mtu("net2") == 9000


def test_an_event_does_not_wait_for_the_rest_of_a_wide_look(stage: Stage) -> None:
    stage.host.shown = tuple(a_link(f"net{index}", index) for index in range(2, 2 + 2 * AT_ONCE))

    def acts() -> Iterator[Touched]:
        yield EVERYTHING
        stage.host.shown = (a_link("net2", 2, mtu=9000), *stage.host.shown[1:])
        stage.host.asked.clear()
        yield link(2)
        assert stage.host.asked == ["link 2", "hardware 2", "uplinks"]

    stage.play(acts())
    assert stage.mtu("net2") == 9000


def test_the_audit_tells_of_hardware_too(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def acts() -> Iterator[Touched]:
        yield NOTHING
        stage.host.facts = {2: Hardware(virtual=False)}
        yield NOTHING

    stage.play(acts())
    assert stage.published[-1].devices[0].attributes["dra.net/virtual"] is False
    assert [line for line in caplog.messages if "audit" in line] == [
        "the audit found what no event told of (1 times so far): interface #2"
    ]


def test_the_audit_does_not_call_missed_what_no_event_tells_of(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def acts() -> Iterator[Touched]:
        yield NOTHING
        function = PciFacts(errors=(0, 1))
        told = WireNeighbour(system="leaf2")
        stage.host.facts = {2: Hardware(virtual=True, neighbour=told, function=function)}
        yield NOTHING

    stage.play(acts())
    now = stage.published[-1].devices[0]
    assert now.attributes["dra.net/lldpSystem"] == "leaf2"
    assert now.vitals is not None
    assert now.vitals.errors == (0, 1)
    assert stage.published[-1].missed == 0
    assert not [line for line in caplog.messages if "audit" in line]


def test_an_event_of_a_function_concerns_its_virtual_functions_on_another_bus(stage: Stage) -> None:
    virtual = Hardware(virtual=False, pci_address="0000:82:00.1", function=PciFacts(physical=CARD))
    stage.host.shown = (a_link("net1", 2), a_link("vf", 3, pci="0000:82:00.1"))
    stage.host.facts = {3: virtual}
    stage.play(iter((Touched(functions=frozenset({CARD})),)))
    assert "hardware 3" in stage.asked_after_the_first_look()


def test_an_event_of_a_function_concerns_its_bus_where_the_kernel_names_no_parent_device(stage: Stage) -> None:
    stage.host.facts = {2: Hardware(virtual=False, pci_address=CARD)}
    stage.play(iter((Touched(functions=frozenset({CARD})),)))
    assert "hardware 2" in stage.asked_after_the_first_look()


def test_what_is_found_after_lost_events_is_not_called_missed(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.facts = {2: Hardware(virtual=False)}
        yield EVERYTHING
        yield NOTHING

    stage.play(acts())
    assert stage.published[-1].devices[0].attributes["dra.net/virtual"] is False
    assert not [line for line in caplog.messages if "audit" in line]


def test_the_addresses_of_an_rdma_devices_interface_may_be_the_rdma_devices(stage: Stage) -> None:
    stage.host.rdma = (RdmaDevice(rdma=RdmaLink(name="mlx5_0", index=0), protocol="roce", interface=2),)
    stage.play(iter((Touched(addresses=frozenset({2})),)))
    assert "rdma" in stage.asked_after_the_first_look()


def test_a_link_that_changed_may_be_one_that_the_node_needs_now(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2, up=False),)
        yield link(2)

    stage.play(acts())
    assert "uplinks" in stage.asked_after_the_first_look()


def test_a_link_that_comes_or_goes_may_be_an_rdma_devices(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2), a_link("net2", 3))
        yield link(3)

    stage.play(acts())
    assert "rdma" in stage.asked_after_the_first_look()


def test_a_new_name_of_a_card_is_told_to_the_other_links_of_the_card(stage: Stage) -> None:
    virtual_function = a_link("vf", 5, pci="0000:81:10.2")
    stage.host.shown = (a_link("card", 4, pci=CARD), virtual_function)

    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("card9", 4, pci=CARD), virtual_function)
        yield link(4)

    stage.play(acts())
    assert "hardware 5" in stage.asked_after_the_first_look()


def test_a_link_that_becomes_an_uplink_is_taken_out(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.upward = {2: "carries the default route"}
        yield ROUTING

    stage.play(acts())
    assert stage.names() == [["net1"], []]


def test_a_look_waits_for_the_rest_of_a_burst_and_looks_once(stage: Stage) -> None:
    before = stage.clock.monotonic()
    stage.play(iter((link(2),)), meanwhile=(link(3), link(4)))
    assert stage.clock.monotonic() - before == pytest.approx(GATHER)
    assert stage.asked_after_the_first_look() == {"link 2", "link 3", "link 4", "hardware 2"}
    assert stage.host.asked.count("link 2") == 1


def test_after_a_look_there_is_a_pause_of_twice_its_length_within_bounds(stage: Stage) -> None:
    stage.host.takes = 0.2
    before = stage.clock.monotonic()
    stage.play(iter((link(2),)))
    assert stage.clock.monotonic() - before == pytest.approx(0.2 + 0.4 + 0.2)
    stage.host.takes = 60.0
    before = stage.clock.monotonic()
    stage.play(iter((link(2),)))
    assert stage.clock.monotonic() - before == pytest.approx(60.0 + LONGEST + 60.0)


def test_a_look_that_failed_is_done_again_everywhere_without_an_event(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.host.broken = 2
    stage.play(iter((NOTHING, NOTHING)))
    assert stage.names() == [["net1"]]
    assert len([line for line in caplog.messages if "try again" in line]) == 1


def test_a_failed_look_does_not_unpublish_anything(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.broken = 1
        yield link(2)

    stage.play(acts())
    assert stage.names() == [["net1"]]


def test_what_failed_to_be_read_again_is_read_with_everything(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2, mtu=9000),)
        stage.host.broken = 1
        yield link(2)
        yield NOTHING

    stage.play(acts())
    assert stage.published[-1].devices[0].attributes["dra.net/mtu"] == 9000


def test_the_audit_finds_and_tells_what_no_event_told_of(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2, mtu=9000),)
        yield NOTHING
        yield NOTHING

    stage.play(acts())
    assert stage.published[-1].devices[0].attributes["dra.net/mtu"] == 9000
    assert [line for line in caplog.messages if "audit" in line] == [
        "the audit found what no event told of (1 times so far): interface #2"
    ]


def test_what_an_audit_found_is_counted_in_the_inventory(stage: Stage) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2, mtu=9000),)
        yield NOTHING

    stage.play(acts())
    assert [inventory.missed for inventory in stage.published] == [0, 0, 1]


def test_the_audit_does_not_call_missed_what_an_event_tells_a_moment_later(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def acts() -> Iterator[Touched]:
        stage.host.shown = (a_link("net1", 2, mtu=9000), a_link("net2", 3))
        yield NOTHING

    stage.play(acts(), meanwhile=(Touched(addresses=frozenset({2})), link(3)))
    assert stage.names() == [["net1"], ["net1", "net2"]]
    assert not [line for line in caplog.messages if "audit" in line]


def test_an_audit_that_finds_nothing_is_silent_and_comes_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.play(iter((NOTHING, NOTHING, NOTHING)))
    assert stage.host.asked.count("links") == 3
    assert not [line for line in caplog.messages if "audit" in line]
    assert len(stage.published) == 1
