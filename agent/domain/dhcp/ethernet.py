"""UDP datagrams in Ethernet frames, made and read by hand.

A client without an address cannot use the kernel's UDP: its packets come from 0.0.0.0 and carry the hardware address that
the interface will have in the pod. What is read comes from the wire, so nothing in it is believed before it is checked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
UDP = 17
BROADCAST = "ff:ff:ff:ff:ff:ff"
MAX_FRAME = 9216
_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
TTL = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Datagram:
    """One UDP datagram on its link. Addresses are texts; both are of one family."""

    source_mac: str
    target_mac: str
    source: str
    target: str
    source_port: int
    target_port: int
    payload: bytes


def mac_bytes(mac: str) -> bytes:
    """A hardware address as bytes."""
    return bytes.fromhex(mac.replace(":", "").replace("-", ""))


def mac_text(packed: bytes) -> str:
    """A hardware address as text."""
    return packed.hex(":")


def build(datagram: Datagram) -> bytes:
    """The frame, with all checksums."""
    ipv6 = ":" in datagram.source
    source, target = _packed(datagram.source), _packed(datagram.target)
    length = _UDP.size + len(datagram.payload)
    pseudo = source + target + struct.pack("!II", length, UDP)
    bare = _UDP.pack(datagram.source_port, datagram.target_port, length, 0) + datagram.payload
    udp = _UDP.pack(datagram.source_port, datagram.target_port, length, checksum(pseudo + bare) or 0xFFFF)
    ip = _ipv6(source, target, length) if ipv6 else _ipv4(source, target, length)
    kind = ETH_P_IPV6 if ipv6 else ETH_P_IP
    ethernet = _ETHERNET.pack(mac_bytes(datagram.target_mac), mac_bytes(datagram.source_mac), kind)
    return ethernet + ip + udp + datagram.payload


def read(frame: bytes, checked: bool = True) -> Datagram | None:
    """The datagram in a frame; None for everything else, fragments and wrong checksums included.

    ``checked``: the sender filled the UDP checksum in; on one host it may leave that to hardware that the frame never meets.
    """
    if not _ETHERNET.size <= len(frame) <= MAX_FRAME:
        return None
    target_mac, source_mac, kind = _ETHERNET.unpack_from(frame)
    packet = frame[_ETHERNET.size :]
    found = _read_ipv4(packet) if kind == ETH_P_IP else _read_ipv6(packet) if kind == ETH_P_IPV6 else None
    if found is None:
        return None
    source, target, udp = found
    if len(udp) < _UDP.size:
        return None
    source_port, target_port, length, told = _UDP.unpack_from(udp)
    if not _UDP.size <= length <= len(udp):
        return None
    udp = udp[:length]
    pseudo = source + target + struct.pack("!II", length, UDP)
    if checked and (told or kind == ETH_P_IPV6) and checksum(pseudo + udp):
        return None
    return Datagram(
        source_mac=mac_text(source_mac),
        target_mac=mac_text(target_mac),
        source=_text(source),
        target=_text(target),
        source_port=source_port,
        target_port=target_port,
        payload=udp[_UDP.size :],
    )


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); 0 over data that holds its own right one."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ipv4(source: bytes, target: bytes, length: int) -> bytes:
    def header(check: int) -> bytes:
        return _IPV4.pack(0x45, 0xC0, _IPV4.size + length, 0, 0x4000, TTL, UDP, check, source, target)

    return header(checksum(header(0)))


def _ipv6(source: bytes, target: bytes, length: int) -> bytes:
    return _IPV6.pack(6 << 28, length, UDP, TTL, source, target)


def _read_ipv4(packet: bytes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < _IPV4.size:
        return None
    first, _, total, _, fragment, _, protocol, _, source, target = _IPV4.unpack_from(packet)
    size = (first & 15) * 4
    if first >> 4 != 4 or size < _IPV4.size or not size <= total <= len(packet):
        return None
    if protocol != UDP or fragment & 0x3FFF or checksum(packet[:size]):
        return None
    return source, target, packet[size:total]


def _read_ipv6(packet: bytes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < _IPV6.size:
        return None
    first, length, following, _, source, target = _IPV6.unpack_from(packet)
    if first >> 28 != 6 or following != UDP or _IPV6.size + length > len(packet):
        return None
    return source, target, packet[_IPV6.size : _IPV6.size + length]


def _packed(address: str) -> bytes:
    return IPv6Address(address).packed if ":" in address else IPv4Address(address).packed


def _text(packed: bytes) -> str:
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))
