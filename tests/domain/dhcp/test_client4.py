"""The DHCPv4 client against a server in memory, on a clock of its own."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.dhcp.client4 import Acquire, Extend, Release
from agent.domain.dhcp.exchange import Phase, next_attempt, phase
from ports.dhcp import Heard, Lease, LeasedRoute
from tests.domain.dhcp.wire import talk
from tests.support.dhcp.server4 import ACK, DISCOVER, NAK, OFFER, RELEASE, REQUEST, Server4

MAC = "02:00:5e:10:00:01"
NOW = 1000.0


def acquire(server: Server4, now: float = NOW, seconds: float = 60.0, hint: str = "") -> Lease:
    exchange = Acquire(MAC, now, Random(1), hint)
    talk(exchange, server.answer, now, now + seconds)
    assert exchange.lease is not None
    return exchange.lease


def packed(*addresses: str) -> bytes:
    return b"".join(IPv4Address(address).packed for address in addresses)


def test_a_lease_is_got_in_four_messages() -> None:
    server = Server4()
    lease = acquire(server)
    assert server.kinds() == [DISCOVER, REQUEST]
    assert (lease.family, lease.address, lease.server, lease.server_mac) == (
        4,
        "192.0.2.100/24",
        "c0000201",
        server.mac,
    )
    assert (lease.renew_at, lease.rebind_at, lease.valid_until) == (NOW + 300, NOW + 525, NOW + 600)


def test_the_client_asks_by_broadcast_from_no_address_with_the_pods_mac() -> None:
    server = Server4()
    acquire(server)
    for asked in server.asked:
        assert (asked.source, asked.target, asked.target_mac) == ("0.0.0.0", "255.255.255.255", "ff:ff:ff:ff:ff:ff")
        assert (asked.mac, asked.ciaddr) == (MAC, "0.0.0.0")
    assert server.asked[1].options[50] == packed("192.0.2.100")
    assert server.asked[1].options[54] == packed("192.0.2.1")
    assert {121, 3, 33, 6, 26} <= set(server.asked[0].options[55])


def test_lost_messages_are_sent_again_ever_more_slowly() -> None:
    server = Server4(silent=True)
    exchange = Acquire(MAC, NOW, Random(1))
    times = []
    talk(exchange, lambda frame: times.append(exchange.wake) or server.answer(frame), NOW, NOW + 40)  # type: ignore[func-returns-value]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert server.kinds() == [DISCOVER] * len(times)
    assert 6 <= len(times) <= 9
    assert all(0.9 * full <= gap <= 1.1 * full for gap, full in zip(gaps, (2, 4, 8, 8), strict=False))
    assert not exchange.over


def test_a_server_that_offers_and_then_is_gone_is_left_for_another() -> None:
    gone, there = Server4(deaf_to={REQUEST}), Server4(interface="192.0.2.2/24", addresses=["192.0.2.200"])

    def answer(frame: bytes) -> list[bytes]:
        first = gone.answer(frame) if gone.kinds().count(DISCOVER) < 1 else []
        return first or there.answer(frame)

    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, answer, NOW, NOW + 120)
    assert exchange.lease is not None
    assert exchange.lease.address == "192.0.2.200/24"


def test_a_server_that_takes_its_offer_back_is_asked_from_the_start() -> None:
    server = Server4(nak=True)
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, server.answer, NOW, NOW + 3)
    assert not exchange.over
    server.nak = False
    talk(exchange, server.answer, exchange.wake, NOW + 60)
    assert exchange.lease is not None


def test_an_address_of_before_is_asked_for_again() -> None:
    server = Server4()
    acquire(server, hint="192.0.2.100")
    assert server.asked[0].options[50] == packed("192.0.2.100")


@pytest.mark.parametrize(
    ("options", "routes"),
    [
        ({}, ()),
        ({3: packed("192.0.2.254", "192.0.2.253")}, (("0.0.0.0/0", "192.0.2.254"),)),
        (
            {
                33: packed("10.0.0.0", "192.0.2.9", "10.1.2.3", "192.0.2.8", "0.0.0.0", "192.0.2.7"),
                3: packed("192.0.2.254"),
            },
            (("10.0.0.0/8", "192.0.2.9"), ("10.1.2.3/32", "192.0.2.8"), ("0.0.0.0/0", "192.0.2.254")),
        ),
        (
            {121: b"\x18\x0a\x01\x02" + packed("192.0.2.9") + b"\x00" + packed("192.0.2.8"), 3: packed("192.0.2.254")},
            (("10.1.2.0/24", "192.0.2.9"), ("0.0.0.0/0", "192.0.2.8")),
        ),
        ({121: b"\x10\xc6\x12" + packed("0.0.0.0")}, (("198.18.0.0/16", None),)),
        ({121: b"\x18\x0a\x01", 3: packed("192.0.2.254")}, ()),
        ({121: b"\x21" + bytes(9)}, ()),
        ({3: packed("224.0.0.1")}, ()),
    ],
)
def test_routes_come_from_121_alone_else_from_33_and_3(
    options: dict[int, bytes], routes: tuple[tuple[str, str | None], ...]
) -> None:
    lease = acquire(Server4(options=options))
    assert lease.routes == tuple(LeasedRoute(destination=to, gateway=by) for to, by in routes)


def test_mtu_and_name_servers_and_domains_are_told() -> None:
    search = b"\x03eng\x07example\x03org\x00\x05sales\xc0\x04"
    options = {26: struct.pack("!H", 1400), 6: packed("192.0.2.53", "192.0.2.54"), 15: b"example.org\0", 119: search}
    lease = acquire(Server4(options=options))
    assert (lease.mtu, lease.dns) == (1400, ("192.0.2.53", "192.0.2.54"))
    assert lease.search == ("eng.example.org", "sales.example.org")
    del options[119]
    assert acquire(Server4(options=options)).search == ("example.org",)


def test_an_option_longer_than_255_bytes_is_put_together() -> None:
    routes = b"".join(b"\x18\x0a\x01" + bytes((number,)) + packed("192.0.2.9") for number in range(40))
    assert len(acquire(Server4(options={121: routes})).routes) == 40


@pytest.mark.parametrize(
    ("options", "search"),
    [
        ({26: struct.pack("!H", 68)}, ()),
        ({6: packed("0.0.0.0", "255.255.255.255")}, ()),
        ({15: b"good.example bad!\0"}, ("good.example",)),
        ({119: b"\xc0\x00"}, ()),
        ({119: b"\x03eng\x00\x05sales\xc0\x09"}, ("eng",)),
    ],
)
def test_what_cannot_be_is_left_out(options: dict[int, bytes], search: tuple[str, ...]) -> None:
    lease = acquire(Server4(options=options))
    assert (lease.mtu, lease.dns, lease.search) == (None, (), search)


@pytest.mark.parametrize("options", [{51: bytes(4)}, {51: b"\0\0"}, {54: b"\1"}])
def test_an_offer_that_cannot_be_used_is_not_taken(options: dict[int, bytes]) -> None:
    server = Server4(options=options)
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, server.answer, NOW, NOW + 5)
    assert not exchange.over
    assert set(server.kinds()) == {DISCOVER}


def test_times_that_cannot_be_are_replaced_by_the_usual_ones() -> None:
    lease = acquire(Server4(options={58: struct.pack("!I", 900), 59: struct.pack("!I", 100)}))
    assert (lease.renew_at, lease.rebind_at) == (NOW + 300, NOW + 525)
    lease = acquire(Server4(options={58: struct.pack("!I", 100), 59: struct.pack("!I", 200)}))
    assert (lease.renew_at, lease.rebind_at) == (NOW + 100, NOW + 200)


def test_an_endless_lease_is_a_very_long_one() -> None:
    lease = acquire(Server4(seconds=0xFFFFFFFF))
    assert lease.valid_until > NOW + 100 * 365 * 86400


def test_a_lease_goes_from_bound_to_renewing_to_rebinding_to_its_end() -> None:
    lease = acquire(Server4())
    seen = [phase(lease, NOW + seconds) for seconds in (0, 299, 300, 524, 525, 599, 600)]
    assert seen == [
        Phase.BOUND,
        Phase.BOUND,
        Phase.RENEWING,
        Phase.RENEWING,
        Phase.REBINDING,
        Phase.REBINDING,
        Phase.EXPIRED,
    ]


def test_renewing_is_tried_again_after_half_of_the_time_that_is_left() -> None:
    lease = acquire(Server4(seconds=7200))
    assert next_attempt(lease, NOW) == NOW + 3600
    assert next_attempt(lease, NOW + 3600) == NOW + 3600 + 1350
    assert next_attempt(lease, NOW + 6299) == NOW + 6300
    assert next_attempt(lease, NOW + 7190) == NOW + 7200


def test_a_renewal_asks_the_server_directly_and_keeps_the_address() -> None:
    server = Server4()
    lease = acquire(server)
    exchange = Extend(MAC, lease, NOW + 300, Random(2))
    talk(exchange, server.answer, NOW + 300, NOW + 310)
    asked = server.asked[-1]
    assert (asked.kind, asked.source, asked.target, asked.target_mac) == (
        REQUEST,
        "192.0.2.100",
        "192.0.2.1",
        server.mac,
    )
    assert (asked.ciaddr, asked.options.keys() & {50, 54}) == ("192.0.2.100", set())
    assert exchange.lease is not None
    assert (exchange.lease.address, exchange.lease.valid_until) == (lease.address, NOW + 900)


def test_a_rebinding_asks_everybody() -> None:
    server = Server4()
    lease = acquire(server)
    exchange = Extend(MAC, lease, NOW + 530, Random(2))
    talk(exchange, server.answer, NOW + 530, NOW + 540)
    assert (server.asked[-1].target, server.asked[-1].target_mac) == ("255.255.255.255", "ff:ff:ff:ff:ff:ff")
    assert exchange.lease is not None


def test_a_server_that_refuses_to_prolong_says_so() -> None:
    server = Server4()
    lease = acquire(server)
    server.nak = True
    exchange = Extend(MAC, lease, NOW + 300, Random(2))
    talk(exchange, server.answer, NOW + 300, NOW + 310)
    assert exchange.over
    assert "does not prolong" in exchange.refused
    assert exchange.lease is None


def test_a_release_is_sent_once_to_the_server() -> None:
    server = Server4()
    lease = acquire(server)
    exchange = Release(MAC, lease, NOW + 10, Random(3))
    talk(exchange, server.answer, NOW + 10, NOW + 20)
    asked = server.asked[-1]
    assert (asked.kind, asked.ciaddr, asked.target, asked.target_mac) == (
        RELEASE,
        "192.0.2.100",
        "192.0.2.1",
        server.mac,
    )
    assert server.kinds().count(RELEASE) == 1
    assert server.leases == {}


def answers(server: Server4, exchange: Acquire) -> bytes:
    (frame,) = exchange.due(NOW)
    (reply,) = server.answer(frame)
    return reply


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(14 + 20 + 8 + 4, id="transaction"),
        pytest.param(14 + 20 + 8 + 28, id="hardware address"),
        pytest.param(14 + 20 + 8, id="direction"),
        pytest.param(14 + 20 + 8 + 236, id="cookie"),
        pytest.param(14 + 9, id="protocol"),
        pytest.param(14 + 20 + 1, id="port"),
        pytest.param(14 + 3, id="length"),
    ],
)
def test_a_message_that_is_not_for_this_conversation_is_not_heard(place: int) -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    reply = bytearray(answers(Server4(), exchange))
    reply[place] ^= 0x01
    assert exchange.feed(Heard(frame=bytes(reply)), NOW) == ()
    assert exchange.feed(Heard(frame=answers(Server4(), Acquire(MAC, NOW, Random(1)))), NOW) != ()


def test_a_udp_checksum_is_checked_unless_the_sender_left_it_to_hardware() -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    reply = bytearray(answers(Server4(), exchange))
    reply[14 + 20 + 6 : 14 + 20 + 8] = b"\x12\x34"
    assert exchange.feed(Heard(frame=bytes(reply)), NOW) == ()
    assert exchange.feed(Heard(frame=bytes(reply), checked=False), NOW) != ()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=700), st.integers(0, 400), st.integers(0, 400))
def test_garbage_ends_no_conversation_and_no_process(garbage: bytes, begin: int, end: int) -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    reply = answers(Server4(options={121: b"\x18\x0a\x01\x02" + packed("192.0.2.9"), 119: b"\x03eng\x00"}), exchange)
    for frame in (garbage, reply[:begin] + garbage, reply[:begin] + garbage + reply[end:], reply[: len(reply) - begin]):
        exchange.feed(Heard(frame=frame, checked=False), NOW)
        exchange.feed(Heard(frame=frame), NOW)
    assert exchange.lease is None


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.integers(1, 254).filter(lambda code: code not in (51, 53, 54)), st.binary(max_size=300), max_size=8
    )
)
def test_whatever_is_in_the_options_a_lease_is_one_that_can_be_used(options: dict[int, bytes]) -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, Server4(options=options).answer, NOW, NOW + 5)
    if exchange.lease is not None:
        assert NOW < exchange.lease.renew_at <= exchange.lease.rebind_at <= exchange.lease.valid_until
        assert len(exchange.lease.routes) <= 64


def test_kinds_are_those_of_the_protocol() -> None:
    assert (DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE) == (1, 2, 3, 5, 6, 7)
