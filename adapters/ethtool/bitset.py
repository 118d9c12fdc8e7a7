"""ethtool's bitsets in their long form: a list of bits with their names, so that nobody has to know a number.

A list with a mask says of each bit whether it is on; one without (NOMASK) holds only those that are on.
"""

from __future__ import annotations

from collections.abc import Iterable

from adapters.talk.conversation import attribute, attributes, nest
from ports.devices import Switch

NOMASK, BITS, BIT = 1, 3, 1  # ETHTOOL_A_BITSET_*
NAME, VALUE = 2, 3  # ETHTOOL_A_BITSET_BIT_*


def encoded(kind: int, switches: Iterable[Switch]) -> bytes:
    """The attribute that switches these and no others."""
    return nest(kind, nest(BITS, *(_bit(switch) for switch in switches)))


def decoded(data: bytes) -> dict[str, bool]:
    """The bits that are listed, by name; each on where the set has no mask."""
    found = dict(attributes(data))
    bits = (dict(attributes(value)) for kind, value in attributes(found.get(BITS, b"")) if kind == BIT)
    return {_text(bit[NAME]): NOMASK in found or VALUE in bit for bit in bits if bit.get(NAME, b"\0")[:1] != b"\0"}


def _bit(switch: Switch) -> bytes:
    name = attribute(NAME, switch.name.encode() + b"\0")
    return nest(BIT, name, attribute(VALUE, b"") if switch.on else b"")


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode(errors="replace")
