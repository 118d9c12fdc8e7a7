"""DHCPv6 messages as bytes (RFC 8415, sections 8 and 21): type, transaction, options in their order."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address

SOLICIT, ADVERTISE, REQUEST, RENEW, REBIND, REPLY, RELEASE = 1, 2, 3, 5, 6, 7, 8
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, WANTED, PREFERENCE, ELAPSED = 1, 2, 3, 5, 6, 7, 8
STATUS, RAPID_COMMIT, DNS_SERVERS, DOMAINS = 13, 14, 23, 24
MAX_MESSAGE = 4096
MAX_DUID = 130  # RFC 8415, section 11.1
Option = tuple[int, bytes]
_ASSOCIATION = struct.Struct("!4sII")
_ADDRESS = struct.Struct("!16sII")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message; ``xid`` has 24 bits."""

    kind: int
    xid: int
    options: tuple[Option, ...] = ()

    def first(self, code: int) -> bytes | None:
        """The first option of that code."""
        return next((value for found, value in self.options if found == code), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One address of an identity association, in seconds; ``renew`` and ``rebind`` are those of the association."""

    address: str
    preferred: int
    valid: int
    renew: int = 0
    rebind: int = 0


def encode(message: Message) -> bytes:
    """The message as it goes into a datagram."""
    return struct.pack("!I", message.kind << 24 | message.xid) + packed(message.options)


def decode(data: bytes) -> Message | None:
    """The message in a datagram; None for what is none."""
    if not 4 <= len(data) <= MAX_MESSAGE:
        return None
    head = int.from_bytes(data[:4], "big")
    try:
        return Message(kind=head >> 24, xid=head & 0xFFFFFF, options=tuple(_walk(data[4:])))
    except ValueError:
        return None


def packed(options: tuple[Option, ...]) -> bytes:
    """Options in the form they have in messages and in other options."""
    return b"".join(struct.pack("!HH", code, len(value)) + value for code, value in options)


def association(iaid: bytes, given: Given | None = None) -> Option:
    """An identity association, asking for any address or for this one."""
    inner: tuple[Option, ...] = ()
    if given is not None:
        inner = ((IA_ADDRESS, _ADDRESS.pack(IPv6Address(given.address).packed, 0, 0)),)
    return IA_NA, _ASSOCIATION.pack(iaid, 0, 0) + packed(inner)


def given(message: Message, iaid: bytes) -> tuple[tuple[Given, ...], int]:
    """The addresses of our association in a message and its status code; times that contradict each other give none."""
    status = _status(message.options)
    for code, value in message.options:
        if code != IA_NA or len(value) < _ASSOCIATION.size or value[:4] != iaid:
            continue
        _, renew, rebind = _ASSOCIATION.unpack_from(value)
        try:
            inner = tuple(_walk(value[_ASSOCIATION.size :]))
        except ValueError:
            return (), status
        status = status or _status(inner)
        if renew and rebind and renew > rebind:
            return (), status
        return tuple(_addresses(inner, renew, rebind)), status
    return (), status


def _addresses(options: tuple[Option, ...], renew: int, rebind: int) -> Iterator[Given]:
    for code, value in options:
        if code != IA_ADDRESS or len(value) < _ADDRESS.size:
            continue
        address, preferred, valid = _ADDRESS.unpack_from(value)
        try:
            failed = _status(tuple(_walk(value[_ADDRESS.size :])))
        except ValueError:
            continue
        found = IPv6Address(address)
        if preferred <= valid and not failed and _is_host(found):
            yield Given(address=str(found), preferred=preferred, valid=valid, renew=renew, rebind=rebind)


def _is_host(address: IPv6Address) -> bool:
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local)


def _status(options: tuple[Option, ...]) -> int:
    value = next((value for code, value in options if code == STATUS), b"\0\0")
    return int.from_bytes(value[:2], "big") if len(value) >= 2 else 0


def _walk(data: bytes) -> Iterator[Option]:
    offset = 0
    while offset < len(data):
        if offset + 4 > len(data):
            raise ValueError("an option is cut off")
        code, length = struct.unpack_from("!HH", data, offset)
        if offset + 4 + length > len(data):
            raise ValueError("an option is cut off")
        yield code, data[offset + 4 : offset + 4 + length]
        offset += 4 + length
