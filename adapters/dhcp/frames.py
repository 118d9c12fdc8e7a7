"""What a channel carries: one message a frame, and which frames may leave.

To the borrower a message is a kind and what belongs to it, a frame or the number of an error; from it, a bare frame.
"""

from __future__ import annotations

import struct

HEARD, UNCHECKED, SENT, GONE = b"\0", b"\1", b"\2", b"\3"
MAX_FRAME = 9216
MAX_MESSAGE = 1 + MAX_FRAME
_NUMBER = struct.Struct("=i")
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_NO_OPTIONS, _FRAGMENT = 0x45, 0x3FFF  # version and header length; more fragments, or a later one
_UDP, _ICMPV6, _ADVERTISEMENT = 17, 58, 136
_PORTS4, _PORTS6 = struct.pack("!HH", 68, 67), struct.pack("!HH", 546, 547)


def numbered(kind: bytes, number: int) -> bytes:
    """A message with an error's number; 0: none."""
    return kind + _NUMBER.pack(number)


def number(message: bytes) -> int:
    """That number."""
    return int(_NUMBER.unpack_from(message, 1)[0])


def may_leave(frame: bytes, family: int) -> bool:
    """Whether this is what a DHCP client says to servers, or an answer to a neighbour solicitation."""
    if family == 4:
        return frame[12:14] == _IPV4 and frame[14:15] == bytes([_NO_OPTIONS]) and _is_dhcp4(frame)
    return frame[12:14] == _IPV6 and _is_for_ipv6(frame)


def _is_dhcp4(frame: bytes) -> bool:
    whole = not int.from_bytes(frame[20:22], "big") & _FRAGMENT
    return whole and frame[23:24] == bytes([_UDP]) and frame[34:38] == _PORTS4


def _is_for_ipv6(frame: bytes) -> bool:
    following = frame[20:21]
    if following == bytes([_UDP]):
        return frame[54:58] == _PORTS6
    return following == bytes([_ICMPV6]) and frame[54:55] == bytes([_ADVERTISEMENT])
