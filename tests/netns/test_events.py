"""What the real kernel tells of changes, and what is made of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from adapters.events.sources import Sources
from adapters.netlink.events import NetlinkEvents
from adapters.netlink.nsfs import inside
from adapters.udev.events import DeviceEvents
from ports.devices import Address, Route, Rule
from ports.touched import EVERYTHING, NOTHING, Touched
from tests.netns.world import RealWorld
from tests.support.events import sources_inside
from tests.support.private_net import add_link, delete_link

pytestmark = pytest.mark.netns
BOUND = 30.0
API_SERVER = "203.0.113.7"
DEFAULT = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
ROUTING = Touched(routing=True)


@dataclass(frozen=True)
class Listening:
    """All sources, and the network's alone."""

    changes: Sources
    network: NetlinkEvents

    def until(self, wanted: Touched) -> Touched:
        """What is told until all that is wanted has been."""
        told, end = NOTHING, time.monotonic() + BOUND
        while wanted.without(told):
            assert time.monotonic() < end, f"{told} and not {wanted}"
            told |= self.changes.wait(1.0)
        return told

    def settle(self) -> Touched:
        """Everything until a moment in which nothing comes."""
        told = NOTHING
        while touched := self.changes.wait(0.3):
            told |= touched
        return told


@pytest.fixture
def listening(real: RealWorld) -> Iterator[Listening]:
    changes, network = sources_inside(real.host.descriptor, (API_SERVER, "192.0.2.5"))
    yield Listening(changes, network)
    changes.close()


@pytest.fixture
def index(real: RealWorld) -> int:
    made = real.add_link("net7").identity.ifindex
    real.host.add_address(made, Address(prefix="192.0.2.9/24"))
    real.host.set_up(made, True)
    return made


def links(*indexes: int) -> Touched:
    return Touched(links=frozenset(indexes))


def test_each_change_of_a_link_touches_that_link(real: RealWorld, index: int, listening: Listening) -> None:
    """An alias and further names of a link that is down are the exception: the kernel keeps them to itself."""
    acts: tuple[Callable[[], object], ...] = (
        lambda: real.host.set_alias(index, "rail 7"),
        lambda: real.host.add_alternative_name(index, "another-name-of-net7"),
        lambda: real.host.set_mtu(index, 1400),
        lambda: real.host.set_up(index, False),
        lambda: real.host.rename(index, "net8"),
        lambda: real.host.set_mac(index, "02:00:00:00:00:09"),
        lambda: delete_link(real.host, index),
    )
    for act in acts:
        listening.settle()
        act()
        told = listening.until(links(index))
        assert told.links == {index}, act


def test_a_new_link_touches_itself(real: RealWorld, listening: Listening) -> None:
    listening.settle()
    made = real.add_link("net9").identity.ifindex
    assert listening.until(links(made)).links == {made}


def test_a_link_that_leaves_for_another_namespace_and_comes_back_is_told_both_times(
    real: RealWorld, index: int, listening: Listening
) -> None:
    pod = real.kernel.open(real.add_namespace())
    for source, target in ((real.host, pod), (pod, real.host)):
        listening.settle()
        source.move(index, target, "net7")
        listening.until(links(index))
    pod.close()


def test_an_address_touches_the_addresses_of_its_link(real: RealWorld, index: int, listening: Listening) -> None:
    for prefix in ("198.51.100.5/24", "2001:db8::5/64"):
        listening.settle()
        real.host.add_address(index, Address(prefix=prefix))
        told = listening.until(Touched(addresses=frozenset({index})))
        assert not told.everything
        assert not told.links


def test_an_address_of_the_node_touches_routing(real: RealWorld, index: int, listening: Listening) -> None:
    listening.settle()
    real.host.add_address(index, Address(prefix="192.0.2.5/24"))
    listening.until(Touched(addresses=frozenset({index}), routing=True))


@pytest.mark.parametrize(
    "route",
    [
        DEFAULT,
        Route(destination="203.0.113.0/24", gateway="192.0.2.1"),
        Route(destination="203.0.113.7/32", gateway="192.0.2.1", table=77),
    ],
    ids=["default", "network of the API server", "in another table"],
)
def test_a_route_that_may_decide_where_the_nodes_packets_go_touches_routing(
    real: RealWorld, index: int, listening: Listening, route: Route
) -> None:
    listening.settle()
    real.host.add_route(index, route)
    told = listening.until(ROUTING)
    assert not told.everything
    assert not told.links


def test_an_ipv6_default_route_and_rules_touch_routing(real: RealWorld, index: int, listening: Listening) -> None:
    real.host.add_address(index, Address(prefix="2001:db8::5/64"))
    rule = Rule(family=4, priority=100, table=77, source="192.0.2.9/32")
    acts: tuple[Callable[[], object], ...] = (
        lambda: real.host.add_route(index, Route(destination="::/0", gateway="2001:db8::1")),
        lambda: real.host.add_rule(rule),
        lambda: real.host.remove_rule(rule),
        lambda: real.host.add_rule(Rule(family=6, priority=100, table=77, source="2001:db8::5/128")),
    )
    for act in acts:
        listening.settle()
        act()
        listening.until(ROUTING)


def test_any_other_route_does_not(real: RealWorld, index: int, listening: Listening) -> None:
    listening.settle()
    for third in range(20):
        real.host.add_route(index, Route(destination=f"10.0.{third}.0/24", gateway="192.0.2.1"))
    assert not listening.settle().routing


def test_a_quiet_host_wakes_nobody(real: RealWorld, listening: Listening) -> None:
    real.add_link("net7")  # down: one that is up looks for IPv6 neighbours and routers by itself
    listening.settle()
    assert listening.changes.wait(0.5) == NOTHING


def test_lost_events_are_everything_and_do_no_harm(
    real: RealWorld, index: int, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    descriptor = listening.changes._sources[listening.network.fileno()].fileno()
    listened = socket.socket(fileno=descriptor)
    listened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    listened.detach()
    caplog.set_level("INFO", "knd.events")
    for mtu in range(1000, 1400):
        real.host.set_mtu(index, mtu)
    assert listening.until(EVERYTHING).everything
    assert "faster than they were read" in caplog.text
    listening.settle()
    real.host.set_mtu(index, 1500)
    assert listening.until(links(index)).links == {index}


def test_lost_device_events_are_everything_and_do_no_harm(real: RealWorld, caplog: pytest.LogCaptureFixture) -> None:
    events = inside(real.host.descriptor, DeviceEvents)
    small = socket.socket(fileno=os.dup(events.fileno()))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    small.close()
    caplog.set_level("INFO", "knd.events")
    for number in range(30):
        add_link(real.host, f"many{number}", "ifb")
    assert _read(events, lambda told: told.everything)
    assert "device events came faster than they were read" in caplog.text
    while events.read():
        pass
    made = add_link(real.host, "one", "ifb")
    assert _read(events, lambda told: made in told.links)
    events.close()


def _read(events: DeviceEvents, holds: Callable[[Touched], bool]) -> bool:
    end = time.monotonic() + BOUND
    while time.monotonic() < end:
        if holds(events.read()):
            return True
    return False


def test_another_thread_can_end_a_wait(listening: Listening) -> None:
    listening.settle()
    timer = threading.Timer(0.05, listening.changes.wake)
    timer.start()
    assert listening.changes.wait(60.0) == NOTHING
    timer.join()
