"""ethtool's bitsets in their long form, a list of bits with their names, so that nobody has to know a number; and as one.

A list with a mask says of each bit whether it is on; one without (NOMASK) holds only those that are on. The short form is
for what is only given back: a hundred link modes by name would be four thousand bytes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache

from adapters.talk.conversation import attribute, attributes, nest
from ports.devices import Switch

NOMASK, SIZE, BITS, BITMAP, MASK, BIT = 1, 2, 3, 4, 5, 1  # ETHTOOL_A_BITSET_*
NAME, VALUE = 2, 3  # ETHTOOL_A_BITSET_BIT_*


def encoded(kind: int, switches: Iterable[Switch]) -> bytes:
    """The attribute that switches these and no others."""
    return nest(kind, nest(BITS, *(_bit(switch) for switch in switches)))


@lru_cache(maxsize=64)
def decoded(data: bytes) -> Mapping[str, bool]:
    """The bits that are listed, by name; each on where the set has no mask.

    Remembered, because what a driver can and does is the same bytes time and again, and some sixty names of them.
    """
    found = dict(attributes(data))
    bits = (dict(attributes(value)) for kind, value in attributes(found.get(BITS, b"")) if kind == BIT)
    return {_text(bit[NAME]): NOMASK in found or VALUE in bit for bit in bits if bit.get(NAME, b"\0")[:1] != b"\0"}


def packed(kind: int, number: int) -> bytes:
    """The attribute that sets exactly the bits of the number, in the short form."""
    words = max(1, (number.bit_length() + 31) // 32)
    value = number.to_bytes(4 * words, "little")
    if sys.byteorder == "big":
        value = b"".join(value[at : at + 4][::-1] for at in range(0, len(value), 4))
    return nest(kind, attribute(NOMASK, b""), attribute(SIZE, struct.pack("=I", 32 * words)), attribute(BITMAP, value))


def unpacked(data: bytes, kind: int) -> int:
    """The number of a set in the short form: its bits (BITMAP), or those that it speaks of (MASK)."""
    value = dict(attributes(data)).get(kind, b"")
    words = struct.unpack(f"={len(value) // 4}I", value)
    return sum(word << 32 * at for at, word in enumerate(words))


def _bit(switch: Switch) -> bytes:
    name = attribute(NAME, switch.name.encode() + b"\0")
    return nest(BIT, name, attribute(VALUE, b"") if switch.on else b"")


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode(errors="replace")
