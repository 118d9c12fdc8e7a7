"""What is made of single events of every kind, garbage included."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.events.sources import Sources
from adapters.netlink import addresses, links, routes
from adapters.netlink.codec import Request, attribute, encode
from adapters.netlink.events import NetlinkEvents
from adapters.rdma import codec
from adapters.rdma.codec import Attribute, number, text
from adapters.rdma.events import RdmaEvents
from adapters.rdma.events import meaning as rdma_meaning
from adapters.udev.events import meaning as device_meaning
from ports.touched import EVERYTHING, NOTHING, Touched

ROUTING = Touched(routing=True)
CARD = "/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.1"


@pytest.fixture
def network() -> Iterator[NetlinkEvents]:
    made = NetlinkEvents(("203.0.113.7", "2001:db8:7::7"))
    yield made
    made.close()


def message(kind: int, body: bytes) -> bytes:
    return encode(Request(kind=kind, body=body), 0, 0)


def route(destination: str, length: int, flags: int = 0) -> bytes:
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    body = routes.BODY.pack(family, length, 0, 0, 254, 4, 0, 1, flags)
    packed = socket.inet_pton(family, destination)
    return message(24, body + (attribute(routes.RTA_DST, packed) if length else b""))


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (16, links.BODY.pack(0, 1, 7, 0, 0), Touched(links=frozenset({7}))),
        (17, links.BODY.pack(0, 1, 7, 0, 0), Touched(links=frozenset({7}))),
        (21, addresses.BODY.pack(2, 24, 0, 0, 7), Touched(addresses=frozenset({7}))),
        (44, struct.pack("=B3xi12x", 0, 7), Touched(links=frozenset({7}))),
        (32, bytes(12), ROUTING),
        (104, bytes(8), ROUTING),
        (28, bytes(12), NOTHING),
    ],
    ids=["new link", "link gone", "address gone", "filter", "rule", "next hop", "neighbour"],
)
def test_a_notification_says_what_it_touches(network: NetlinkEvents, kind: int, body: bytes, expected: Touched) -> None:
    assert network.meaning(kind, message(kind, body)) == expected


@pytest.mark.parametrize(
    ("destination", "length", "expected"),
    [
        ("0.0.0.0", 0, ROUTING),
        ("::", 0, ROUTING),
        ("203.0.113.7", 32, ROUTING),
        ("203.0.112.0", 23, ROUTING),
        ("203.0.112.0", 24, NOTHING),
        ("2001:db8:7::", 48, ROUTING),
        ("2001:db8:8::", 48, NOTHING),
    ],
)
def test_a_route_touches_routing_if_it_may_lead_to_a_needed_address(
    network: NetlinkEvents, destination: str, length: int, expected: Touched
) -> None:
    assert network.meaning(24, route(destination, length)) == expected


def test_a_cached_route_touches_nothing(network: NetlinkEvents) -> None:
    assert network.meaning(24, route("0.0.0.0", 0, flags=0x200)) == NOTHING


@given(st.sampled_from([16, 20, 24, 32, 44, 104]), st.binary(max_size=60))
def test_garbage_touches_something_or_nothing_and_does_no_harm(kind: int, body: bytes) -> None:
    network = NetlinkEvents(("203.0.113.7",))
    try:
        assert isinstance(network.meaning(kind, message(kind, body)), Touched)
    finally:
        network.close()


@pytest.mark.parametrize(
    ("subsystem", "path", "ifindex", "expected"),
    [
        ("net", f"{CARD}/net/ens1", "7", Touched(links=frozenset({7}))),
        ("net", f"{CARD}/net/ens1", "", NOTHING),
        ("pci", CARD, "", Touched(functions=frozenset({"0000:3b:00.1"}))),
        ("auxiliary", f"{CARD}/mlx5_core.sf.4", "", Touched(functions=frozenset({"0000:3b:00.1"}))),
        ("auxiliary", "/devices/platform/thing.0", "", NOTHING),
        ("infiniband", f"{CARD}/infiniband/mlx5_0", "", Touched(rdma=frozenset({"mlx5_0"}))),
    ],
)
def test_a_device_event_says_what_it_touches(subsystem: str, path: str, ifindex: str, expected: Touched) -> None:
    assert device_meaning(subsystem, path, ifindex) == expected


def test_an_rdma_notification_touches_the_device_and_the_interface_that_it_names() -> None:
    body = number(Attribute.DEV_INDEX, 3) + text(Attribute.DEV_NAME, "rxe0") + number(Attribute.NDEV_INDEX, 7)
    assert rdma_meaning(body) == Touched(rdma=frozenset({"rxe0"}), links=frozenset({7}))


def test_rdma_notifications_are_read_to_their_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for name in ("rxe0", "rxe1"):
        body = text(Attribute.DEV_NAME, name)
        there.send(codec.HEADER.pack(codec.HEADER.size + len(body), 0, 0, 0, 0) + body)
    events = RdmaEvents(here)
    assert events.read() == Touched(rdma=frozenset({"rxe0", "rxe1"}))
    assert events.read() == NOTHING
    events.close()
    there.close()


class Voice:
    """A source of events over a socket; each byte is one."""

    def __init__(self, touched: Touched) -> None:
        self._here, self.there = socket.socketpair()
        self._touched = touched
        self.closed = False

    def fileno(self) -> int:
        return self._here.fileno()

    def read(self) -> Touched:
        return self._touched if self._here.recv(1) else NOTHING

    def close(self) -> None:
        self.closed = True
        self._here.close()
        self.there.close()


def test_all_voices_are_heard_and_closed_together() -> None:
    voices = (Voice(ROUTING), Voice(Touched(rdma=frozenset({"rxe0"}))), Voice(EVERYTHING))
    changes = Sources(voices)
    voices[0].there.send(b"!")
    voices[1].there.send(b"!!")
    assert changes.wait(30.0) == Touched(routing=True, rdma=frozenset({"rxe0"}))
    assert changes.wait(30.0) == Touched(rdma=frozenset({"rxe0"}))
    assert changes.wait(0) == NOTHING
    changes.close()
    assert all(voice.closed for voice in voices)


def test_what_two_touch_together_and_apart() -> None:
    one = Touched(links=frozenset({1, 2}), functions=frozenset({"0000:3b:00.1"}), routing=True)
    assert one.without(Touched(addresses=frozenset({1}))).links == {2}
    assert one.without(EVERYTHING) == NOTHING
    assert EVERYTHING.without(one).everything
    assert [bool(each) for each in (NOTHING, EVERYTHING, ROUTING)] == [False, True, True]
    assert str(one | Touched(rdma=frozenset({"rxe0"}))) == (
        "interface #1, interface #2, PCI function 0000:3b:00.1, RDMA device rxe0, routing"
    )
    assert str(NOTHING) == "nothing"
