"""ttrpc frames without I/O: bytes in, frames out.

Ten header bytes, all integers big-endian: payload length (4), stream (4), kind (1), flags (1); then the payload of at
most 4 MiB (https://github.com/containerd/ttrpc/blob/main/PROTOCOL.md). A frame without payload is a whole message: it
is how a Go server says success with nothing to tell.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

REQUEST = 1
RESPONSE = 2
DATA = 3
REMOTE_CLOSED = 0x01
REMOTE_OPEN = 0x02
MAX_PAYLOAD = 4 << 20

_HEADER = struct.Struct(">IIBB")
HEADER_SIZE = _HEADER.size


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One ttrpc message."""

    stream: int
    kind: int
    flags: int = 0
    payload: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Oversize:
    """A message whose sender announced more than the limit; its body is skipped."""

    stream: int
    kind: int
    length: int


class TooLarge(ValueError):
    """A message of ours that no peer would take."""


def encode(frame: Frame) -> bytes:
    """The frame as it goes on its channel's byte stream."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise TooLarge(f"message length {len(frame.payload)} exceed maximum message size of {MAX_PAYLOAD}")
    return _HEADER.pack(len(frame.payload), frame.stream, frame.kind, frame.flags) + frame.payload


class FrameReader:
    """Takes one channel's byte stream in any pieces and gives its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0

    @property
    def missing(self) -> int:
        """Bytes still to come of the message that has begun; 0 between messages or while its header is incomplete."""
        if self._skip:
            return self._skip
        if len(self._buffer) < HEADER_SIZE:
            return 0
        length: int = _HEADER.unpack_from(self._buffer)[0]
        return HEADER_SIZE + length - len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame | Oversize]:
        """The frames that these bytes complete. To be exhausted before the next call."""
        self._buffer += data
        while True:
            self._discard()
            if self._skip or len(self._buffer) < HEADER_SIZE:
                return
            length, stream, kind, flags = _HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                self._skip = HEADER_SIZE + length
                yield Oversize(stream=stream, kind=kind, length=length)
                continue
            if len(self._buffer) < HEADER_SIZE + length:
                return
            payload = bytes(self._buffer[HEADER_SIZE : HEADER_SIZE + length])
            del self._buffer[: HEADER_SIZE + length]
            yield Frame(stream=stream, kind=kind, flags=flags, payload=payload)

    def _discard(self) -> None:
        gone = min(self._skip, len(self._buffer))
        del self._buffer[:gone]
        self._skip -= gone
