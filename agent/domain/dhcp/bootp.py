"""DHCPv4 messages as bytes (RFC 2131, RFC 2132, RFC 3396): the fixed part and options by code.

What is read is bounded by the datagram, and everything that is not a message is refused before anybody looks inside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

BOOTREQUEST, BOOTREPLY = 1, 2
ETHERNET, MAC_LENGTH = 1, 6
COOKIE = b"\x63\x82\x53\x63"
PAD, END = 0, 255
OVERLOAD = 52
MAX_MESSAGE = 4096
LEAST_MESSAGE = 300  # BOOTP's size, below which some relays drop a message
ANY = "0.0.0.0"
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message. ``options`` holds each code once, parts of a long one put together."""

    op: int
    xid: int
    mac: bytes
    secs: int = 0
    broadcast: bool = False
    ciaddr: str = ANY
    yiaddr: str = ANY
    giaddr: str = ANY
    options: Mapping[int, bytes] = field(default_factory=dict)


def encode(message: Message) -> bytes:
    """The message as it goes into a datagram."""
    head = (message.op, ETHERNET, MAC_LENGTH, 0, message.xid, min(message.secs, 0xFFFF), 0x8000 * message.broadcast)
    addresses = (message.ciaddr, message.yiaddr, ANY, message.giaddr)
    packed = tuple(IPv4Address(address).packed for address in addresses)
    fixed = _FIXED.pack(*head, *packed, message.mac, b"", b"", COOKIE)
    options = b"".join(_option(code, value) for code, value in message.options.items())
    return (fixed + options + bytes((END,))).ljust(LEAST_MESSAGE, b"\0")


def decode(data: bytes) -> Message | None:
    """The message in a datagram; None for what is none."""
    if not _FIXED.size <= len(data) <= MAX_MESSAGE:
        return None
    op, kind, length, _, xid, secs, flags, ci, yi, _, gi, mac, sname, file, cookie = _FIXED.unpack_from(data)
    if (kind, length, cookie) != (ETHERNET, MAC_LENGTH, COOKIE):
        return None
    try:
        options = _options(data[_FIXED.size :], file, sname)
    except ValueError:
        return None
    addresses = {"ciaddr": ci, "yiaddr": yi, "giaddr": gi}
    return Message(
        op=op,
        xid=xid,
        mac=mac[:MAC_LENGTH],
        secs=secs,
        broadcast=bool(flags & 0x8000),
        options=options,
        **{name: str(IPv4Address(packed)) for name, packed in addresses.items()},
    )


def _option(code: int, value: bytes) -> bytes:
    parts = [value[start : start + 255] for start in range(0, len(value), 255)] or [b""]
    return b"".join(bytes((code, len(part))) + part for part in parts)


def _options(data: bytes, file: bytes, sname: bytes) -> dict[int, bytes]:
    """The options, also those in the fields for a boot file and a server name (option 52). ValueError: cut off."""
    found = _gathered(_walk(data), {})
    overload = found.pop(OVERLOAD, b"\0")[:1]
    if overload in (b"\1", b"\3"):
        found = _gathered(_walk(file), found)
    if overload in (b"\2", b"\3"):
        found = _gathered(_walk(sname), found)
    return found


def _gathered(parts: Iterator[tuple[int, bytes]], found: dict[int, bytes]) -> dict[int, bytes]:
    for code, value in parts:
        found[code] = found.get(code, b"") + value
    return found


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data) and data[offset] != END:
        if data[offset] == PAD:
            offset += 1
            continue
        if offset + 2 > len(data) or offset + 2 + data[offset + 1] > len(data):
            raise ValueError("an option is cut off")
        yield data[offset], data[offset + 2 : offset + 2 + data[offset + 1]]
        offset += 2 + data[offset + 1]
