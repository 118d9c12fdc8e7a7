"""Answering for a link-local address that the kernel does not have (yet): neighbour solicitations, RFC 4861.

The server sends its answer to the address that the question came from, which is made from the hardware address that the
interface will have in its pod. In the host nobody else answers for it, and no duplicate detection delays us.
"""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

from agent.domain.dhcp.ethernet import ETH_P_IPV6, checksum, mac_bytes

ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136
SOLICITED_OVERRIDE, OVERRIDE = 0x60000000, 0x20000000
TARGET_ADDRESS = 2
HOPS = 255  # what no router can have passed on
ALL_NODES = IPv6Address("ff02::1")
_HEAD = struct.Struct("!6s6sHIHBB16s16s")  # Ethernet, then IPv6
_BODY = struct.Struct("!BBHI16s")


def link_local(mac: str) -> str:
    """The link-local address that belongs to a hardware address (modified EUI-64, RFC 4291 appendix A)."""
    raw = mac_bytes(mac)
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:]))


def multicast_mac(address: str) -> str:
    """The hardware address that an IPv6 multicast address is sent to (RFC 2464, section 7)."""
    return (b"\x33\x33" + IPv6Address(address).packed[-4:]).hex(":")


def solicited_node(address: str) -> str:
    """The multicast address at which others ask for this one (RFC 4291, section 2.7.1)."""
    return str(IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + IPv6Address(address).packed[13:]))


def answer(frame: bytes, mac: str) -> bytes | None:
    """The advertisement for a solicitation of our own link-local address; None for everything else."""
    if len(frame) < _HEAD.size + _BODY.size:
        return None
    _, asker_mac, kind, first, length, following, hops, source, target = _HEAD.unpack_from(frame)
    message = frame[_HEAD.size : _HEAD.size + length]
    if kind != ETH_P_IPV6 or first >> 28 != 6 or (following, hops) != (ICMPV6, HOPS) or len(message) < _BODY.size:
        return None
    if len(message) != length or checksum(source + target + struct.pack("!II", length, ICMPV6) + message):
        return None
    icmp, code, _, _, wanted = _BODY.unpack_from(message)
    own = IPv6Address(link_local(mac)).packed
    if (icmp, code, wanted) != (SOLICITATION, 0, own):
        return None
    asked_from_nowhere = not any(source)  # somebody else's duplicate detection: told to all
    to = ALL_NODES.packed if asked_from_nowhere else source
    to_mac = mac_bytes(multicast_mac(str(ALL_NODES))) if asked_from_nowhere else asker_mac
    return _advertisement(mac_bytes(mac), own, to, to_mac, OVERRIDE if asked_from_nowhere else SOLICITED_OVERRIDE)


def _advertisement(mac: bytes, own: bytes, to: bytes, to_mac: bytes, flags: int) -> bytes:
    option = struct.pack("!BB6s", TARGET_ADDRESS, 1, mac)

    def message(check: int) -> bytes:
        return _BODY.pack(ADVERTISEMENT, 0, check, flags, own) + option

    pseudo = own + to + struct.pack("!II", len(message(0)), ICMPV6)
    body = message(checksum(pseudo + message(0)))
    return _HEAD.pack(to_mac, mac, ETH_P_IPV6, 6 << 28, len(body), ICMPV6, HOPS, own, to) + body
