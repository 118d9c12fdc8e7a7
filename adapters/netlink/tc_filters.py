"""Filters of traffic control that are no eBPF programs: requests about them, and rtnetlink's answers as values.

A filter is told as it is taken, but for what has happened to it (counters, times) and where it ended up (in hardware or
not). Those of a kind that is not in the table below are only named.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.netlink.codec import (
    HEADER,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    attributes,
    payloads,
    string,
    text,
    u32,
)
from adapters.netlink.qdiscs import BODY, START, TCA_KIND, TCA_OPTIONS
from ports.queueing import Filter, handle_text

RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46
TCA_CHAIN = 11
ACT_KIND, ACT_OPTIONS, ACT_KEPT = 1, 2, (6, 7, 8)  # TCA_ACT_*; kept beside these: cookie, flags, wish for hardware
TIMES = {"csum": 2}  # TCA_*_TM where it is not 1
PARAMETERS = {"csum": 1}  # TCA_*_PARMS where it is not 2
GENERIC = slice(0, 4), slice(12, 20)  # tc_gen: index, and how many refer to it
WISHES = 0b10011  # TCA_CLS_FLAGS_*: skip hardware, skip software, verbose; the others tell where it is
FLOWER_ETHERNET_TYPE, VLANS = 8, (0x8100, 0x88A8)  # TCA_FLOWER_KEY_ETH_TYPE; 802.1Q, 802.1ad
TREE = frozenset({"u32"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Which attributes of a kind of filter are its actions, its flags, and what nobody sets."""

    actions: int
    flags: int
    told: tuple[int, ...] = ()


KINDS = {
    "flower": Layout(actions=3, flags=22, told=(86,)),
    "matchall": Layout(actions=2, flags=3, told=(4, 5)),
    "u32": Layout(actions=7, flags=11, told=(9, 12)),
    "fw": Layout(actions=4, flags=0),
    "basic": Layout(actions=3, flags=0, told=(5, 6)),
}


def of_parent(ifindex: int, parent: int) -> Request:
    """Ask for the filters of a discipline."""
    return Request(kind=RTM_GETTFILTER, body=BODY.pack(0, ifindex, 0, parent, 0))


def tc_filter(message: bytes, ifindex: int) -> Filter | None:
    """The filter that a message describes, if it can be given back; None for the kernel's own and eBPF."""
    _family, index, handle, parent, info = BODY.unpack_from(message, HEADER.size)
    found = payloads(message, START)
    kind = text(found.get(TCA_KIND))
    if index != ifindex or not _can_be_kept(kind, found) or not handle or (kind in TREE and not handle & 0xFFF):
        return None
    return Filter(
        type=kind,
        parent=parent,
        priority=info >> 16,
        protocol=_swapped(info & 0xFFFF),
        handle=handle,
        chain=int.from_bytes(found.get(TCA_CHAIN, b""), "little"),
        options=_still(KINDS[kind], found.get(TCA_OPTIONS, b"")).hex(),
    )


def unkept(message: bytes, ifindex: int, hooks: frozenset[int]) -> Iterator[str]:
    """The name of one that cannot be given back; eBPF in the ``hooks`` is taken care of elsewhere."""
    _family, index, handle, parent, info = BODY.unpack_from(message, HEADER.size)
    found = payloads(message, START)
    kind = text(found.get(TCA_KIND))
    if index != ifindex or not handle or _can_be_kept(kind, found) or (kind == "bpf" and parent in hooks):
        return
    yield f"filter {kind} pref {info >> 16} handle {handle:#x} parent {handle_text(parent)}"


def adding(ifindex: int, wanted: Filter) -> Request:
    """Put a filter where none of its handle is."""
    info = wanted.priority << 16 | _swapped(wanted.protocol)
    body = BODY.pack(0, ifindex, wanted.handle, wanted.parent, info) + string(TCA_KIND, wanted.type)
    if wanted.chain:
        body += u32(TCA_CHAIN, wanted.chain)
    body += attribute(TCA_OPTIONS, _ethernet_type(wanted) + bytes.fromhex(wanted.options))
    return Request(kind=RTM_NEWTFILTER, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)


def _ethernet_type(wanted: Filter) -> bytes:
    """Of VLAN tags flower looks at what it is asked for only if told the type twice, and tells it once."""
    if wanted.type != "flower" or wanted.protocol not in VLANS:
        return b""
    return attribute(FLOWER_ETHERNET_TYPE, struct.pack("!H", wanted.protocol))


def _can_be_kept(kind: str, found: Mapping[int, bytes]) -> bool:
    """A policing action is taken only with a table of rates, which the kernel does not tell."""
    if kind not in KINDS:
        return False
    actions = payloads(found.get(TCA_OPTIONS, b"")).get(KINDS[kind].actions, b"")
    return all(text(payloads(action).get(ACT_KIND)) != "police" for _, action in attributes(actions, 0))


def _still(layout: Layout, options: bytes) -> bytes:
    """As it was given, not as it has fared."""
    return b"".join(_part(layout, kind, value) for kind, value in attributes(options, 0) if kind not in layout.told)


def _part(layout: Layout, kind: int, value: bytes) -> bytes:
    if kind == layout.flags:
        wishes = struct.unpack("=I", value)[0] & WISHES
        return u32(kind, wishes) if wishes else b""
    if kind == layout.actions:
        value = b"".join(attribute(place, _action(each)) for place, each in attributes(value, 0))
    return attribute(kind, value)


def _action(data: bytes) -> bytes:
    found = payloads(data)
    name = text(found.get(ACT_KIND))
    options = b"".join(
        attribute(kind, _parameters(value) if kind == PARAMETERS.get(name, 2) else value)
        for kind, value in attributes(found.get(ACT_OPTIONS, b""), 0)
        if kind != TIMES.get(name, 1) and value  # an empty one is padding, by where in the message it stands
    )
    kept = b"".join(attribute(kind, found[kind]) for kind in ACT_KEPT if kind in found)
    return attribute(ACT_KIND, found.get(ACT_KIND, b"")) + attribute(ACT_OPTIONS, options) + kept


def _parameters(value: bytes) -> bytes:
    """The kernel numbers actions and counts who refers to them."""
    still = bytearray(value)
    for part in GENERIC:
        still[part] = bytes(len(still[part]))
    return bytes(still)


def _swapped(protocol: int) -> int:
    """Between the EtherType and the number as it stands in memory in network order."""
    return int(struct.unpack("=H", struct.pack("!H", protocol))[0])
