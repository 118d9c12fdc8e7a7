"""The NRI multiplexer without I/O: several byte streams over one connection.

Eight header bytes (channel and payload length, both big-endian 32 bits), then a piece of that channel's stream. There is
no open, close or window; every channel exists from the first byte.

What is sent obeys a rule that no document states: the Go side reads a ttrpc header through a buffer of 4096 bytes, and
its multiplexer gives a frame only to a reader it fits. A longer frame with the beginning of a message is answered by
ENOMEM in the runtime's log, and by silence. So a message goes out as its first 4096 bytes in one frame and all the rest
in a second, and no frame holds parts of two messages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.nri import frames

FIRST = 4096
MAX_FRAME = frames.HEADER_SIZE + frames.MAX_PAYLOAD

_HEADER = struct.Struct(">II")


class Garbage(Exception):
    """The peer does not speak this protocol; the connection is of no more use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One multiplexer frame."""

    channel: int
    payload: bytes


def split(channel: int, message: bytes) -> bytes:
    """One whole ttrpc message as the one or two multiplexer frames that a Go peer can take."""
    first, rest = message[:FIRST], message[FIRST:]
    head = _HEADER.pack(channel, len(first)) + first
    return head + _HEADER.pack(channel, len(rest)) + rest if rest else head


class Demultiplexer:
    """Takes the connection's bytes in any pieces and gives its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The frames that these bytes complete. ``Garbage`` when a length is impossible."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            channel, length = _HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise Garbage(f"multiplexer frame of {length} bytes on channel {channel} (at most {MAX_FRAME})")
            if len(self._buffer) < _HEADER.size + length:
                return
            payload = bytes(self._buffer[_HEADER.size : _HEADER.size + length])
            del self._buffer[: _HEADER.size + length]
            yield Piece(channel=channel, payload=payload)
