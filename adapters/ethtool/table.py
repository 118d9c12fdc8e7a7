"""What a driver lets people set of its hardware, as a table of ethtool's messages (linux/ethtool_netlink.h).

Of each family: the message that asks for it, the one that sets it, and the attributes that are settings. In the order in
which they are set: a number of channels gives the rings and the spreading of packets new values in many drivers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from adapters.ethtool import bitset
from adapters.talk.conversation import attribute
from ports.devices import Setting

UNKNOWN = {"link/speed": ("0", str(0xFFFFFFFF)), "link/duplex": (str(0xFF),)}  # SPEED_UNKNOWN, DUPLEX_UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a value stands in an attribute, and as text."""

    text: Callable[[bytes], str]
    attribute: Callable[[int, str], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Settings that are asked for and set together; ``keys`` are attribute number and kind by name."""

    name: str
    get: int
    set: int
    keys: Mapping[str, tuple[int, Kind]]


def _number(form: str) -> Kind:
    return Kind(
        text=lambda data: str(struct.unpack(form, data)[0]),
        attribute=lambda kind, value: attribute(kind, struct.pack(form, int(value))),
    )


BYTE, NUMBER = _number("=B"), _number("=I")
MODES = Kind(
    text=lambda data: f"{bitset.unpacked(data, bitset.BITMAP):x}",
    attribute=lambda kind, value: bitset.packed(kind, int(value, 16)),
)
BYTES = Kind(text=bytes.hex, attribute=lambda kind, value: attribute(kind, bytes.fromhex(value)))


def _numbered(first: int, names: str, kind: Kind = NUMBER) -> dict[str, tuple[int, Kind]]:
    return {name: (first + at, kind) for at, name in enumerate(names.split())}


_COALESCE = {
    **_numbered(2, "rx-usecs rx-frames rx-usecs-irq rx-frames-irq tx-usecs tx-frames tx-usecs-irq tx-frames-irq"),
    "stats-block-usecs": (10, NUMBER),
    **_numbered(11, "adaptive-rx adaptive-tx", BYTE),
    **_numbered(13, "pkt-rate-low rx-usecs-low rx-frames-low tx-usecs-low tx-frames-low pkt-rate-high"),
    **_numbered(19, "rx-usecs-high rx-frames-high tx-usecs-high tx-frames-high sample-interval"),
    **_numbered(24, "cqe-mode-tx cqe-mode-rx", BYTE),
    **_numbered(26, "tx-aggr-max-bytes tx-aggr-max-frames tx-aggr-time-usecs"),
}
_RINGS = {
    **_numbered(6, "rx rx-mini rx-jumbo tx rx-buf-len"),
    "tcp-data-split": (11, BYTE),
    "cqe-size": (12, NUMBER),
    **_numbered(13, "tx-push rx-push", BYTE),
    "tx-push-buf-len": (15, NUMBER),
    "hds-thresh": (17, NUMBER),
}
_LINK = {
    "autoneg": (2, BYTE),
    "advertised": (3, MODES),
    "speed": (5, NUMBER),
    "duplex": (6, BYTE),
    "master-slave": (7, BYTE),
}
_EEE = {"modes": (2, MODES), "enabled": (5, BYTE), "tx-lpi-enabled": (6, BYTE), "tx-lpi-timer": (7, NUMBER)}
RSS = Family(
    name="rss",
    get=38,
    set=48,
    keys={"function": (3, NUMBER), "indirection": (4, BYTES), "key": (5, BYTES), "input": (6, NUMBER)},
)
FAMILIES = (
    Family(name="channels", get=17, set=18, keys=_numbered(6, "rx tx other combined")),
    Family(name="rings", get=15, set=16, keys=_RINGS),
    Family(name="coalesce", get=19, set=20, keys=_COALESCE),
    Family(name="pause", get=21, set=22, keys=_numbered(2, "autoneg rx tx", BYTE)),
    Family(name="eee", get=23, set=24, keys=_EEE),
    Family(name="wol", get=9, set=10, keys={"modes": (2, MODES)}),
    Family(name="fec", get=29, set=30, keys={"modes": (2, MODES), "auto": (3, BYTE)}),
    Family(name="link", get=4, set=5, keys=_LINK),
    RSS,
)


def decoded(family: Family, found: Mapping[int, bytes]) -> Iterator[Setting]:
    """The settings that an answer tells, without what follows from a negotiation and changes with the other end."""
    told = {name: kind.text(found[number]) for name, (number, kind) in family.keys.items() if _is_there(found, number)}
    if family.name == "link" and not bitset.unpacked(found.get(3, b""), bitset.MASK):
        return  # a virtual link, whose speed is that of another
    for name in _negotiated(family.name, told):
        told.pop(name, None)
    for name, value in told.items():
        if value not in UNKNOWN.get(f"{family.name}/{name}", ()):
            yield Setting(name=f"{family.name}/{name}", value=value)


def encoded(family: Family, wish: Mapping[str, str]) -> bytes:
    """The attributes that set these, by name without the family's."""
    return b"".join(family.keys[name][1].attribute(family.keys[name][0], value) for name, value in wish.items())


def _is_there(found: Mapping[int, bytes], number: int) -> bool:
    return bool(found.get(number))


def _negotiated(family: str, told: Mapping[str, str]) -> tuple[str, ...]:
    automatic = told.get("autoneg") == "1"
    if family == "pause":
        return ("rx", "tx") if automatic else ()
    if family == "link":
        return ("speed", "duplex") if automatic else ("advertised",)
    return ()
