"""The DHCPv6 client against a server in memory, on a clock of its own."""

from __future__ import annotations

from ipaddress import IPv6Address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.dhcp.client6 import Acquire, Extend, Release
from agent.domain.dhcp.neighbour import answer, link_local
from ports.dhcp import Heard, Lease
from tests.domain.dhcp.wire import talk
from tests.support.dhcp.server6 import DUID, OWN, REBIND, RELEASE, RENEW, REQUEST, SOLICIT, Server6

MAC = "02:00:5e:10:00:01"
NOW = 1000.0


def acquire(server: Server6, now: float = NOW) -> Lease:
    exchange = Acquire(MAC, now, Random(1))
    talk(exchange, server.answer, now, now + 60)
    assert exchange.lease is not None
    return exchange.lease


def test_a_lease_is_got_in_four_messages() -> None:
    server = Server6()
    lease = acquire(server)
    assert server.kinds() == [SOLICIT, REQUEST]
    assert (lease.family, lease.address, lease.server) == (6, "2001:db8::100/128", DUID.hex())
    assert lease.preferred_until - lease.renew_at == 200
    assert lease.rebind_at - lease.renew_at == 120
    assert lease.valid_until - lease.preferred_until == 200
    assert lease.routes == ()


def test_the_client_is_told_by_the_pods_mac_and_speaks_to_all_servers() -> None:
    server = Server6()
    acquire(server)
    for asked in server.asked:
        assert (asked.source, asked.target_mac) == (link_local(MAC), "33:33:00:01:00:02")
        assert asked.options[1] == bytes.fromhex("00030001" + MAC.replace(":", ""))
    assert server.asked[1].address == "2001:db8::100"


def test_a_server_that_commits_at_once_needs_two_messages() -> None:
    server = Server6(rapid=True)
    assert acquire(server).renew_at == NOW + 200
    assert server.kinds() == [SOLICIT]


def test_a_server_of_the_highest_preference_is_taken_at_once() -> None:
    assert acquire(Server6(preference=255)).renew_at == NOW + 200


def test_of_several_servers_the_preferred_one_is_taken() -> None:
    first = Server6(preference=1)
    second = Server6(preference=9, duid=b"\0\3\0\1second", addresses=["2001:db8::900"])
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, lambda frame: first.answer(frame) + second.answer(frame), NOW, NOW + 60)
    assert exchange.lease is not None
    assert exchange.lease.address == "2001:db8::900/128"
    assert first.leases == {}


def test_a_server_with_nothing_to_give_is_asked_again() -> None:
    server = Server6(addresses=[])
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, server.answer, NOW, NOW + 10)
    assert not exchange.over
    assert set(server.kinds()) == {SOLICIT}
    server.addresses.append("2001:db8::7")
    talk(exchange, server.answer, exchange.wake, NOW + 60)
    assert exchange.lease is not None


def test_a_server_that_is_gone_after_its_offer_is_left_for_another() -> None:
    gone, there = Server6(), Server6(duid=b"\0\3\0\1other")

    def hears(frame: bytes) -> list[bytes]:
        return gone.answer(frame) if SOLICIT not in gone.kinds() else there.answer(frame)

    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, hears, NOW, NOW + 120)
    assert exchange.lease is not None
    assert exchange.lease.server == there.duid.hex()


def test_a_server_that_asks_where_we_are_is_answered() -> None:
    assert acquire(Server6(solicits=True)).address == "2001:db8::100/128"


def test_name_servers_and_domains_are_told() -> None:
    options = {23: IPv6Address("2001:db8::53").packed + bytes(16), 24: b"\x03eng\x07example\x03org\x00"}
    lease = acquire(Server6(options=options))
    assert (lease.dns, lease.search) == (("2001:db8::53",), ("eng.example.org",))


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [pytest.param(200, RENEW, id="renew"), pytest.param(320, REBIND, id="rebind")],
)
def test_a_lease_is_prolonged(seconds: float, kind: int) -> None:
    server = Server6(rapid=True)
    lease = acquire(server)
    exchange = Extend(MAC, lease, NOW + seconds, Random(2))
    talk(exchange, server.answer, NOW + seconds, NOW + seconds + 10)
    asked = server.asked[-1]
    assert (asked.kind, asked.address, 2 in asked.options) == (kind, "2001:db8::100", kind == RENEW)
    assert exchange.lease is not None
    assert (exchange.lease.address, exchange.lease.valid_until) == (lease.address, NOW + seconds + 600)


@pytest.mark.parametrize("change", [{"forgets": True}, {"preferred": 0, "valid": 0}, {"preferred": 700}])
def test_a_server_that_does_not_prolong_is_heard(change: dict[str, int]) -> None:
    server = Server6(rapid=True)
    lease = acquire(server)
    for name, value in change.items():
        setattr(server, name, value)
    exchange = Extend(MAC, lease, NOW + 200, Random(2))
    talk(exchange, server.answer, NOW + 200, NOW + 210)
    assert "does not prolong" in exchange.refused


def test_a_release_is_confirmed() -> None:
    server = Server6(rapid=True)
    lease = acquire(server)
    exchange = Release(MAC, lease, NOW + 9, Random(3))
    talk(exchange, server.answer, NOW + 9, NOW + 60)
    assert (server.kinds().count(RELEASE), server.leases) == (1, {})


def test_a_release_that_nobody_confirms_comes_to_an_end() -> None:
    server = Server6(rapid=True)
    lease = acquire(server)
    server.silent = True
    exchange = Release(MAC, lease, NOW + 9, Random(3))
    ended = talk(exchange, server.answer, NOW + 9, NOW + 60)
    assert exchange.over
    assert 2 <= server.kinds().count(RELEASE) <= 4
    assert ended < NOW + 30


def test_times_that_contradict_each_other_are_an_offer_not_taken() -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    talk(exchange, Server6(renew=300, rebind=200).answer, NOW, NOW + 10)
    assert not exchange.over


def test_whoever_asks_for_our_address_is_answered_and_nobody_else() -> None:
    solicitation = Server6().solicitation(link_local(MAC))
    told = answer(solicitation, MAC)
    assert told is not None
    assert (told[:6], told[38:54]) == (solicitation[6:12], IPv6Address(OWN).packed)
    assert int.from_bytes(told[58:62], "big") == 0x60000000, "solicited, override"
    assert answer(solicitation, "02:00:5e:10:00:02") is None
    assert answer(solicitation[:-1], MAC) is None
    broken = bytearray(solicitation)
    broken[-1] ^= 1
    assert answer(bytes(broken), MAC) is None


def test_duplicate_detection_of_somebody_else_is_answered_to_all() -> None:
    told = answer(Server6().solicitation(link_local(MAC), "::"), MAC)
    assert told is not None
    assert (told[:6].hex(":"), told[38:54]) == ("33:33:00:00:00:01", IPv6Address("ff02::1").packed)
    assert int.from_bytes(told[58:62], "big") == 0x20000000, "override only"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200), st.integers(0, 200))
def test_garbage_ends_no_conversation_and_no_process(garbage: bytes, begin: int, end: int) -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    (frame,) = exchange.due(NOW)
    (reply,) = Server6(options={24: b"\x03eng\x00"}).answer(frame)
    for bad in (garbage, reply[:begin] + garbage, reply[:begin] + garbage + reply[end:], reply[: len(reply) - begin]):
        exchange.feed(Heard(frame=bad, checked=False), NOW)
        exchange.feed(Heard(frame=bad), NOW)
    assert exchange.lease is None


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_whatever_times_a_server_says_a_lease_is_one_that_can_be_used(
    preferred: int, valid: int, renew: int, rebind: int
) -> None:
    exchange = Acquire(MAC, NOW, Random(1))
    server = Server6(preferred=preferred, valid=valid, renew=renew, rebind=rebind, rapid=True)
    talk(exchange, server.answer, NOW, NOW + 3)
    if exchange.lease is not None:
        lease = exchange.lease
        assert NOW < lease.renew_at <= lease.rebind_at <= lease.valid_until
        assert lease.preferred_until <= lease.valid_until
