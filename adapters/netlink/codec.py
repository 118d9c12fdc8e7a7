"""Netlink messages as bytes: a header, a fixed part, attributes. What the parts mean is known where they are used.

Written out by hand: a request costs 3 microseconds so, against 50 to 170 by way of a library's message classes, and one
of the two processes that speak rtnetlink is the privileged one, which had better be small.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
TYPE_MASK = 0x3FFF  # NLA_TYPE_MASK: the two highest bits are flags
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
_U32 = struct.Struct("=I")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request to the kernel: message type, flags, and the fixed part with the attributes behind it."""

    kind: int
    body: bytes = b""
    flags: int = 0


def encode(request: Request, flags: int, sequence: int) -> bytes:
    """The request as the kernel reads it."""
    return HEADER.pack(HEADER.size + len(request.body), request.kind, flags, sequence, 0) + request.body


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded; several in a ``payload`` make it a nested one."""
    length = ATTRIBUTE.size + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + bytes(-length & 3)


def u32(kind: int, value: int) -> bytes:
    """An attribute with a number of 32 bits."""
    return attribute(kind, _U32.pack(value))


def string(kind: int, value: str) -> bytes:
    """An attribute with a text that ends with a zero byte. Names in the kernel need not be UTF-8."""
    return attribute(kind, value.encode("utf-8", "surrogateescape") + b"\0")


def number(payload: bytes | None) -> int | None:
    """An attribute's number; None where it is not there."""
    return int.from_bytes(payload, sys.byteorder) if payload is not None else None


def text(payload: bytes | None) -> str:
    """An attribute's text; empty where it is not there."""
    return payload.split(b"\0")[0].decode("utf-8", "surrogateescape") if payload else ""


def printed(packed: bytes) -> str:
    """An IP address as text, in its shortest form."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages in one datagram: type, flags, sequence number, the whole message."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            return
        yield kind, flags, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The attributes from ``offset`` on: type without flag bits, payload without padding."""
    end = len(data)
    while offset + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size or offset + length > end:
            return
        yield kind & TYPE_MASK, data[offset + ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


@lru_cache(maxsize=8)
def payloads(data: bytes, offset: int = 0) -> Mapping[int, bytes]:
    """The attributes from ``offset`` on by type, of which each comes once.

    Remembered for a moment: one message about a link is read for each of the things that it tells.
    """
    return dict(attributes(data, offset))
