"""NETLINK_RDMA on the wire: numbers of ``rdma/rdma_netlink.h``, requests as bytes, answers as attributes by number.

The type of a message is the client (NLDEV) and the command; attributes follow the netlink header at once. Answers are
told apart by their sequence number alone: the kernel answers PORT_GET with the type of GET.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
TYPE_MASK = 0x3FFF  # the two highest bits of an attribute's type are flags
NETLINK_RDMA, NLDEV = 20, 5
REQUEST, ACK, DUMP_INTERRUPTED, DUMP = 0x1, 0x4, 0x10, 0x300
CAPPED, ACK_TLVS = 0x100, 0x200  # on ERROR
ERROR, DONE = 2, 3
EXT_ACK_TEXT = 1

Attributes = dict[int, bytes]


class Command(IntEnum):
    """What is asked of NLDEV. Soft devices are made and removed, and the mode is set, by tests alone."""

    GET = 1
    SET = 2
    NEWLINK = 3
    DELLINK = 4
    PORT_GET = 5
    SYS_GET = 6
    SYS_SET = 7
    GET_CHARDEV = 15


class Attribute(IntEnum):
    """What a message says. Attributes of type 0 pad the 64-bit ones."""

    DEV_INDEX = 1
    DEV_NAME = 2
    PORT_INDEX = 3
    PORT_STATE = 12
    NDEV_INDEX = 50
    NDEV_NAME = 51
    LINK_TYPE = 65
    SYS_NETNS_MODE = 66
    DEV_PROTOCOL = 67
    NET_NS_FD = 68
    CHARDEV_TYPE = 69
    CHARDEV_NAME = 70
    CHARDEV = 72


def request(command: Command, flags: int, sequence: int, *attributes: bytes) -> bytes:
    """A whole request."""
    body = b"".join(attributes)
    return HEADER.pack(HEADER.size + len(body), NLDEV << 10 | command, REQUEST | flags, sequence, 0) + body


def number(kind: Attribute, value: int) -> bytes:
    """An attribute of 32 bits."""
    return ATTRIBUTE.pack(8, kind) + struct.pack("=I", value)


def text(kind: Attribute, value: str) -> bytes:
    """A text, ended by a zero byte and padded."""
    payload = value.encode() + b"\0"
    whole = ATTRIBUTE.pack(ATTRIBUTE.size + len(payload), kind) + payload
    return whole.ljust(_aligned(len(whole)), b"\0")


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages of one datagram: type, flags, sequence number, what follows the header."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += _aligned(length)


def attributes(data: bytes) -> Attributes:
    """The attributes by their number, without padding; of several of one number the last."""
    found: Attributes = {}
    offset = 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size or offset + length > len(data):
            break
        if kind & TYPE_MASK:
            found[kind & TYPE_MASK] = data[offset + ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
    return found


def refusal(message: bytes, flags: int) -> tuple[int, str]:
    """The error number of an ERROR message, 0 for an acknowledgement, and the kernel's words where it has any."""
    (negative,) = struct.unpack_from("=i", message)
    if not negative or not flags & ACK_TLVS:
        return -negative, ""
    length = HEADER.size if flags & CAPPED else HEADER.unpack_from(message, 4)[0]
    return -negative, as_text(attributes(message[4 + length :]).get(EXT_ACK_TEXT, b""))


def as_number(payload: bytes) -> int:
    """An unsigned number of whatever width."""
    return int.from_bytes(payload, "little" if struct.pack("=H", 1) == b"\1\0" else "big")


def as_text(payload: bytes) -> str:
    """The text up to its zero byte."""
    return payload.split(b"\0")[0].decode(errors="replace")


def _aligned(length: int) -> int:
    return (length + 3) & ~3
