"""What our own clients say may leave through a channel, and next to nothing else may."""

from __future__ import annotations

from random import Random

import pytest

from adapters.dhcp.frames import may_leave
from agent.domain.dhcp import client4, client6, neighbour
from agent.domain.dhcp.ethernet import Datagram, build
from agent.domain.dhcp.exchange import Exchange

MAC = "02:00:5e:10:00:77"


def said(exchange: Exchange) -> list[bytes]:
    """All that it says when nobody answers for a while."""
    return [frame for second in range(120) for frame in exchange.due(float(second))]


@pytest.mark.parametrize(
    ("family", "exchange"),
    [(4, client4.Acquire(MAC, 0.0, Random(1))), (6, client6.Acquire(MAC, 0.0, Random(1)))],
    ids=["DHCPv4", "DHCPv6"],
)
def test_what_a_client_says_may_leave_in_its_family_alone(family: int, exchange: Exchange) -> None:
    frames = said(exchange)
    assert frames
    assert all(may_leave(frame, family) for frame in frames)
    assert not any(may_leave(frame, 10 - family) for frame in frames)


def test_nothing_is_left_of_a_frame_that_is_cut() -> None:
    frame = said(client4.Acquire(MAC, 0.0, Random(1)))[0]
    assert not any(may_leave(frame[:length], 4) for length in range(38))


@pytest.mark.parametrize(("source", "target"), [(68, 53), (53, 67), (67, 68), (0, 0)])
def test_other_ports_may_not(source: int, target: int) -> None:
    datagram = Datagram(
        source_mac=MAC,
        target_mac="ff:ff:ff:ff:ff:ff",
        source="192.0.2.1",
        target="192.0.2.2",
        source_port=source,
        target_port=target,
        payload=b"",
    )
    assert not may_leave(build(datagram), 4)


def test_of_neighbour_discovery_only_the_answer_may() -> None:
    head = bytes.fromhex("333300000001" + MAC.replace(":", "") + "86dd" + "6000000000203aff") + bytes(32)
    kinds = {kind for kind in range(256) if may_leave(head + bytes([kind]) + bytes(31), 6)}
    assert kinds == {neighbour.ADVERTISEMENT}
