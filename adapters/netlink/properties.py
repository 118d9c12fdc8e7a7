"""What a link has beside name, addresses and state: queue length and segment sizes, further names, a text for people."""

from __future__ import annotations

import struct
from dataclasses import asdict

from adapters.netlink.codec import LINK, Request, attribute, attributes, payloads
from adapters.netlink.links import RTM_SETLINK, number
from ports.devices import Tuning

RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
NLA_F_NESTED = 0x8000
IFLA_MASTER, IFLA_IFALIAS, IFLA_PROP_LIST, IFLA_ALT_IFNAME = 10, 20, 52, 53
TUNINGS = {  # linux/if_link.h; the sizes for IPv4 are known since Linux 6.3
    "tx_queue_len": 13,
    "gso_max_size": 41,
    "gro_max_size": 58,
    "gso_ipv4_max_size": 63,
    "gro_ipv4_max_size": 64,
}
_BODY = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_NUMBER = struct.Struct("=I")


def tuning(message: bytes) -> Tuning:
    """Sizes and queue length; None for what this kernel does not tell, and so does not know."""
    found = payloads(message, LINK.start)
    return Tuning(**{name: number(found.get(kind)) for name, kind in TUNINGS.items()})


def unknown(wish: Tuning, now: Tuning) -> tuple[str, ...]:
    """What is wished for but not known to this kernel, which would ignore it without a word."""
    known = asdict(now)
    return tuple(name for name, value in asdict(wish).items() if value is not None and known[name] is None)


def set_tuning(ifindex: int, wish: Tuning) -> Request:
    """Set what is not None, in one message."""
    wanted = [(TUNINGS[name], value) for name, value in asdict(wish).items() if value is not None]
    return _setting(ifindex, *(attribute(kind, _NUMBER.pack(value)) for kind, value in wanted))


def alias(message: bytes) -> str:
    """The text for people."""
    return payloads(message, LINK.start).get(IFLA_IFALIAS, b"").split(b"\0")[0].decode("utf-8", "surrogateescape")


def set_alias(ifindex: int, text: str) -> Request:
    """Set the text; empty removes it."""
    return _setting(ifindex, attribute(IFLA_IFALIAS, text.encode("utf-8", "surrogateescape")))


def alternative_names(message: bytes) -> tuple[str, ...]:
    """The further names, sorted: the kernel gives them in the order of no list."""
    inner = payloads(message, LINK.start).get(IFLA_PROP_LIST, b"")
    names = (whole[4:].split(b"\0")[0] for kind, whole in attributes(inner, 0) if kind == IFLA_ALT_IFNAME)
    return tuple(sorted(name.decode("utf-8", "surrogateescape") for name in names))


def naming_also(ifindex: int, name: str) -> Request:
    """Add a further name."""
    flags = NLM_F_CREATE | NLM_F_EXCL
    return Request(kind=RTM_NEWLINKPROP, raw=_properties(ifindex, name), flags=flags)


def unnaming(ifindex: int, name: str) -> Request:
    """Remove a further name."""
    return Request(kind=RTM_DELLINKPROP, raw=_properties(ifindex, name))


def mastering(ifindex: int, master: int) -> Request:
    """Make the link a port of another one; 0: of none."""
    return _setting(ifindex, attribute(IFLA_MASTER, _NUMBER.pack(master)))


def _properties(ifindex: int, name: str) -> bytes:
    inner = attribute(IFLA_ALT_IFNAME, name.encode("utf-8", "surrogateescape") + b"\0")
    return _BODY.pack(0, 0, ifindex, 0, 0) + attribute(IFLA_PROP_LIST | NLA_F_NESTED, inner)


def _setting(ifindex: int, *wanted: bytes) -> Request:
    return Request(kind=RTM_SETLINK, raw=_BODY.pack(0, 0, ifindex, 0, 0) + b"".join(wanted))
