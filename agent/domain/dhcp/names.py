"""Domain names in options: labels with lengths, in IPv4's option 119 also with pointers back (RFC 1035, RFC 3397)."""

from __future__ import annotations

import re
from collections.abc import Iterator

LABEL = re.compile(rb"[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?")
MAX_NAME = 253
MOST = 32  # names taken of one option
POINTER = 0xC0


def names(data: bytes) -> tuple[str, ...]:
    """The names, as far as they can be read: what cannot be one ends the list."""
    return tuple(_names(data))


def plain_name(data: bytes) -> tuple[str, ...]:
    """A name that is written out, as in option 15; several are separated by spaces by some servers."""
    words = data.rstrip(b"\0").split()
    return tuple(word.decode() for word in words[:MOST] if _is_name(word.rstrip(b".").split(b".")))


def _names(data: bytes) -> Iterator[str]:
    offset = 0
    for _ in range(MOST):
        if offset >= len(data):
            return
        labels, offset = _labels(data, offset)
        if not _is_name(labels):
            return
        yield b".".join(labels).decode()


def _labels(data: bytes, offset: int) -> tuple[list[bytes], int]:
    """The labels of the name at ``offset`` and where the next name begins; no labels for what is no name."""
    labels: list[bytes] = []
    after, limit = -1, offset
    while offset < len(data):
        length = data[offset]
        if length & POINTER == POINTER and offset + 1 < len(data):
            after = offset + 2 if after < 0 else after
            offset = (length & ~POINTER) << 8 | data[offset + 1]
            if offset >= limit:  # only ever backwards, so it comes to an end
                return [], len(data)
            limit = offset
        elif length == 0:
            return labels, after if after >= 0 else offset + 1
        elif length < 64:
            labels.append(data[offset + 1 : offset + 1 + length])
            offset += 1 + length
        else:
            return [], len(data)
    return [], len(data)


def _is_name(labels: list[bytes]) -> bool:
    return bool(labels) and all(map(LABEL.fullmatch, labels)) and sum(map(len, labels)) + len(labels) - 1 <= MAX_NAME
