"""What a link has beside name, addresses and state: queue length and segment sizes, further names, a text for people."""

from __future__ import annotations

from dataclasses import asdict

from adapters.netlink.codec import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    attributes,
    number,
    payloads,
    string,
    text,
    u32,
)
from adapters.netlink.links import BODY, IFLA_ALT_IFNAME, START
from ports.devices import Tuning

RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109
NLA_F_NESTED = 0x8000
IFLA_IFALIAS, IFLA_GROUP, IFLA_PROMISCUITY, IFLA_PROP_LIST = 20, 27, 30, 52
TUNINGS = {  # linux/if_link.h; the sizes for IPv4 are known since Linux 6.3
    "tx_queue_len": 13,
    "gso_max_size": 41,
    "gro_max_size": 58,
    "gso_ipv4_max_size": 63,
    "gro_ipv4_max_size": 64,
}


def tuning(message: bytes) -> Tuning:
    """Sizes and queue length; None for what this kernel does not tell, and so does not know."""
    found = payloads(message, START)
    return Tuning(**{name: number(found.get(kind)) for name, kind in TUNINGS.items()})


def unknown(wish: Tuning, now: Tuning) -> tuple[str, ...]:
    """What is wished for but not known to this kernel, which would ignore it without a word."""
    known = asdict(now)
    return tuple(name for name, value in asdict(wish).items() if value is not None and known[name] is None)


def tuned(wish: Tuning) -> tuple[bytes, ...]:
    """The attributes of what is not None."""
    return tuple(u32(TUNINGS[name], value) for name, value in asdict(wish).items() if value is not None)


def alias(message: bytes) -> str:
    """The text for people."""
    return text(payloads(message, START).get(IFLA_IFALIAS))


def aliased(words: str) -> bytes:
    """The attribute of the text; without any, the kernel removes it."""
    return attribute(IFLA_IFALIAS, words.encode("utf-8", "surrogateescape"))


def group(message: bytes) -> int:
    """The group of links that it is in."""
    return number(payloads(message, START).get(IFLA_GROUP)) or 0


def grouped(wanted: int) -> bytes:
    """The attribute of the group."""
    return u32(IFLA_GROUP, wanted)


def promiscuity(message: bytes) -> int:
    """How many want all packets of the wire."""
    return number(payloads(message, START).get(IFLA_PROMISCUITY)) or 0


def alternative_names(message: bytes) -> tuple[str, ...]:
    """The further names, sorted."""
    names = attributes(payloads(message, START).get(IFLA_PROP_LIST, b""), 0)
    return tuple(sorted(text(payload) for kind, payload in names if kind == IFLA_ALT_IFNAME))


def naming_also(ifindex: int, name: str) -> Request:
    """Add a further name."""
    return Request(kind=RTM_NEWLINKPROP, body=_property(ifindex, name), flags=NLM_F_CREATE | NLM_F_EXCL)


def unnaming(ifindex: int, name: str) -> Request:
    """Remove a further name."""
    return Request(kind=RTM_DELLINKPROP, body=_property(ifindex, name))


def _property(ifindex: int, name: str) -> bytes:
    inner = string(IFLA_ALT_IFNAME, name)
    return BODY.pack(0, 0, ifindex, 0, 0) + attribute(IFLA_PROP_LIST | NLA_F_NESTED, inner)
