"""What neighbours hear when an interface comes to a pod, caught at the other end of its cable."""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from adapters.netlink import announcing, neighbours
from adapters.netlink.codec import payloads
from adapters.netlink.nsfs import inside
from ports.devices import Address
from tests.netns.world import RealWorld
from tests.support.eventually import eventually

pytestmark = pytest.mark.netns
ETH_P_ALL, ETH_P_ARP, ETH_P_IPV6 = 3, 0x0806, 0x86DD
MAC = "02:00:00:00:00:07"
RAW_MAC = bytes.fromhex("020000000007")
ADDRESS, ADDRESS6 = "192.0.2.5", "2001:db8::5"


@pytest.fixture
def index(real: RealWorld) -> int:
    """A link of the host with an address of each family, up."""
    made = real.add_link("net7").identity.ifindex
    real.host.set_mac(made, MAC)
    real.host.add_address(made, Address(prefix=f"{ADDRESS}/24"))
    real.host.add_address(made, Address(prefix=f"{ADDRESS6}/64"))
    real.host.set_up(made, True)
    return made


@pytest.fixture
def wire(real: RealWorld, index: int) -> Iterator[socket.socket]:
    """Hears every frame at the other end."""

    def listen() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        made.bind(("net7", ETH_P_ALL))
        made.settimeout(5)
        return made

    with inside(real.wire.descriptor, listen) as made:
        yield made


def _heard(wire: socket.socket, ethertype: int, number: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < number:
        frame = wire.recv(2048)
        ours = frame[6:12] == RAW_MAC and struct.unpack_from("!H", frame, 12)[0] == ethertype
        if ours and (ethertype == ETH_P_ARP or frame[54] == 136):  # of ICMPv6, neighbour advertisements
            found.append(frame)
    return found


def test_an_ipv4_address_is_announced_as_request_and_as_reply(real: RealWorld, index: int, wire: socket.socket) -> None:
    real.host.announce(index)
    request, reply = _heard(wire, ETH_P_ARP, 2)
    for frame, operation in ((request, 1), (reply, 2)):
        assert frame[:6] == b"\xff" * 6
        assert struct.unpack_from("!HHBBH", frame, 14) == (1, 0x0800, 6, 4, operation)
        assert (frame[22:28], frame[28:32], frame[38:42]) == (RAW_MAC, *[socket.inet_aton(ADDRESS)] * 2)


def test_an_ipv6_address_is_advertised_so_that_it_overrides(real: RealWorld, index: int, wire: socket.socket) -> None:
    real.host.announce(index)
    (frame,) = _heard(wire, ETH_P_IPV6, 1)
    assert frame[:6] == bytes.fromhex("333300000001")
    assert frame[21] == 255
    assert frame[22:38] == frame[62:78] == socket.inet_pton(socket.AF_INET6, ADDRESS6)
    assert frame[58] & 0x20
    assert frame[78:86] == bytes((2, 1)) + RAW_MAC


def test_a_neighbour_takes_the_new_hardware_address(real: RealWorld, index: int) -> None:
    there = real.wire.find("net7")
    assert there is not None
    wire = there.identity.ifindex
    real.wire.add_address(wire, Address(prefix="192.0.2.9/24"))
    real.wire.add_address(wire, Address(prefix="2001:db8::9/64"))

    def talk() -> None:
        for family, address in ((socket.AF_INET, ADDRESS), (socket.AF_INET6, ADDRESS6)):
            with socket.socket(family, socket.SOCK_DGRAM) as made:
                made.sendto(b"hello", (address, 9))

    inside(real.wire.descriptor, talk)
    eventually(lambda: _known(real) == {ADDRESS: MAC, ADDRESS6: MAC})
    real.host.set_mac(index, "02:00:00:00:00:08")
    new = "02:00:00:00:00:08"

    def told() -> bool:  # the neighbour takes no change within a second of the last (locktime), so it is told again
        real.host.announce(index)
        return _known(real) == {ADDRESS: new, ADDRESS6: new}

    eventually(told)


def test_only_an_ethernet_that_is_up_announces(real: RealWorld, index: int, caplog: pytest.LogCaptureFixture) -> None:
    real.host.set_up(index, False)
    real.host.announce(index)
    real.host.announce(1)
    assert caplog.records == []


def test_without_the_privilege_it_is_told_in_the_log_and_nothing_fails(
    real: RealWorld, index: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> socket.socket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(announcing, "packet_socket", refused)
    with caplog.at_level(logging.WARNING):
        real.host.announce(index)
        eventually(lambda: bool(caplog.records))
    assert "net7" in caplog.text
    assert "not permitted" in caplog.text


def test_no_descriptor_and_no_thread_stays_behind(real: RealWorld, index: int) -> None:
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(10):
        real.host.announce(index)
    eventually(lambda: threading.active_count() <= threads)
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)


def _known(real: RealWorld) -> dict[str, str]:
    """What the neighbour has learned."""
    there = real.wire.find("net7")
    assert there is not None
    dump = real.wire.socket.dump(neighbours.of_link(there.identity.ifindex), "neighbours")
    found = (payloads(message, neighbours.START) for message in dump)
    texts = {str(ip_address(each[1])): each[2].hex(":") for each in found if {1, 2} <= each.keys()}
    return {address: mac for address, mac in texts.items() if address in (ADDRESS, ADDRESS6)}
