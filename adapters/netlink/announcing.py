"""Telling neighbours where an address is now, so that none keeps the hardware address that had it before.

The kernel's own ``arp_notify`` and ``ndisc_notify`` speak only in the moment an interface goes up, which is before its
addresses serve and often before it has a carrier. So the frames are made here: an ARP announcement as request (RFC 5227,
section 3) and as reply, for those that hear only one of them, and an unsolicited neighbour advertisement that overrides
(RFC 4861, section 7.2.6). A packet socket needs CAP_NET_RAW.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_interface

from adapters.netlink.nsfs import enter
from ports.devices import Address, Link
from ports.errors import Code, Failure

log = logging.getLogger("knd.netlink")

ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0800, 0x0806, 0x86DD
ARP_REQUEST, ARP_REPLY = 1, 2
EVERYBODY = b"\xff" * 6
ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = bytes.fromhex("333300000001")  # RFC 2464, section 7
ICMPV6, ADVERTISEMENT, OVERRIDE, TARGET_ADDRESS = 58, 136, 0x20000000, 2
HOPS = 255  # neighbour discovery accepts nothing that a router could have passed on


def announce(descriptor: int, link: Link, addresses: Iterable[Address]) -> None:
    """Send the frames in the namespace of that descriptor; what cannot be sent is told in the log.

    A thread does it that outlives the call: closing a packet socket waits for all processors to have let go of it
    (synchronize_net), 10 ms that nobody needs to wait for.
    """
    if link.encapsulation != "ether" or not link.up:
        return
    frames = tuple(_frames(bytes.fromhex(link.mac.replace(":", "")), addresses))
    own = os.dup(descriptor)

    def run() -> None:
        try:
            _send(own, link.name, frames)
        except (OSError, Failure) as error:
            log.warning("cannot announce the addresses of interface %s: %s", link.name, error)
        finally:
            os.close(own)

    thread = threading.Thread(target=run, name="announce")
    try:
        thread.start()
    except RuntimeError as error:  # no more threads
        os.close(own)
        raise Failure(Code.UNAVAILABLE, f"interface {link.name}", f"no thread to announce it: {error}") from error


def _send(descriptor: int, name: str, frames: tuple[bytes, ...]) -> None:
    enter(descriptor)
    with packet_socket() as made:
        made.bind((name, 0))
        for frame in frames:
            made.send(frame)


def packet_socket() -> socket.socket:
    """One that sends and receives nothing."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)


def _frames(mac: bytes, addresses: Iterable[Address]) -> Iterator[bytes]:
    for address in addresses:
        ip = ip_interface(address.prefix).ip
        if isinstance(ip, IPv4Address):
            yield _arp(mac, ip, ARP_REQUEST)
            yield _arp(mac, ip, ARP_REPLY)
        else:
            yield _advertisement(mac, ip)


def _arp(mac: bytes, ip: IPv4Address, operation: int) -> bytes:
    target = bytes(6) if operation == ARP_REQUEST else EVERYBODY
    head = struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation)
    return EVERYBODY + mac + struct.pack("!H", ETH_P_ARP) + head + mac + ip.packed + target + ip.packed


def _advertisement(mac: bytes, ip: IPv6Address) -> bytes:
    option = struct.pack("!BB6s", TARGET_ADDRESS, 1, mac)
    body = struct.pack("!I", OVERRIDE) + ip.packed + option
    message = struct.pack("!BBH", ADVERTISEMENT, 0, 0) + body
    pseudo = ip.packed + ALL_NODES.packed + struct.pack("!II", len(message), ICMPV6)
    checked = struct.pack("!BBH", ADVERTISEMENT, 0, _checksum(pseudo + message)) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, HOPS) + ip.packed + ALL_NODES.packed
    return ALL_NODES_MAC + mac + struct.pack("!H", ETH_P_IPV6) + header + checked


def _checksum(data: bytes) -> int:
    """The Internet checksum, RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
