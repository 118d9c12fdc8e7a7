"""Queueing disciplines and classes: requests about them, and rtnetlink's answers as values.

A discipline without a handle is the kernel's own and comes by itself. What is told in the options of what has happened
(counters) is taken out: the rest is taken back by the kernel as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

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
)
from ports.queueing import INGRESS, ROOT, Queue, TrafficClass

RTM_NEWQDISC, RTM_GETQDISC, RTM_NEWTCLASS, RTM_GETTCLASS = 36, 38, 40, 42
NLM_F_ECHO = 0x8  # the kernel answers a question for one as with a notification, which its asker gets only so
TCA_KIND, TCA_OPTIONS, TCA_INGRESS_BLOCK, TCA_EGRESS_BLOCK = 1, 2, 13, 14
NESTED = 0x8000
TCA_HTB_INIT = 2
HTB_DIRECT = slice(16, 20)  # tc_htb_glob.direct_pkts
_U32 = struct.Struct("=I")
SFQ_LIMIT = 8  # tc_sfq_qopt.limit, .divisor, .flows
SFQ_STATS = 48  # tc_sfq_qopt_v1.stats and all behind it
CLASSFUL = frozenset({"htb", "hfsc", "drr", "qfq"})  # others have the classes that they are made with
BODY = struct.Struct("=B3xiIII")  # tcmsg: family, index, handle, parent, info
START = HEADER.size + BODY.size


def at(ifindex: int, parent: int) -> Request:
    """Ask for the discipline of a link at its root, or for what comes in."""
    return Request(kind=RTM_GETQDISC, body=BODY.pack(0, ifindex, 0, parent, 0), flags=NLM_F_ECHO)


def every() -> Request:
    """Ask for all disciplines of all links: the kernel has no question for those of one."""
    return Request(kind=RTM_GETQDISC, body=BODY.pack(0, 0, 0, 0, 0))


def classes_of(ifindex: int) -> Request:
    """Ask for the classes of a link."""
    return Request(kind=RTM_GETTCLASS, body=BODY.pack(0, ifindex, 0, 0, 0))


def queue(message: bytes, ifindex: int) -> Queue | None:
    """The discipline that a message describes; None for the kernel's own and another link's."""
    _family, index, handle, parent, _info = BODY.unpack_from(message, HEADER.size)
    if index != ifindex or not handle >> 16:
        return None
    found = payloads(message, START)
    kind = text(found.get(TCA_KIND))
    return Queue(type=kind, handle=handle, parent=parent, options=_still(kind, found.get(TCA_OPTIONS, b"")).hex())


def traffic_class(message: bytes, ifindex: int) -> TrafficClass | None:
    """The class that a message describes; None for one that its discipline makes by itself, and another link's."""
    _family, index, handle, parent, _info = BODY.unpack_from(message, HEADER.size)
    found = payloads(message, START)
    kind = text(found.get(TCA_KIND))
    if index != ifindex or kind not in CLASSFUL or not handle & 0xFFFF:
        return None
    return TrafficClass(type=kind, handle=handle, parent=parent, options=found.get(TCA_OPTIONS, b"").hex())


def shared(message: bytes) -> Iterator[str]:
    """The block of filters that a discipline shares with other links, in words."""
    found = payloads(message, START)
    for kind in (TCA_INGRESS_BLOCK, TCA_EGRESS_BLOCK):
        if kind in found:
            yield f"filters of block {int.from_bytes(found[kind], 'little')}"


def adding(ifindex: int, wanted: Queue | TrafficClass) -> Request:
    """Put a discipline or a class on a link where none is."""
    kind = RTM_NEWQDISC if isinstance(wanted, Queue) else RTM_NEWTCLASS
    body = BODY.pack(0, ifindex, wanted.handle, wanted.parent, 0) + string(TCA_KIND, wanted.type)
    if wanted.options:
        body += attribute(TCA_OPTIONS, bytes.fromhex(wanted.options))
    return Request(kind=kind, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)


def _still(kind: str, options: bytes) -> bytes:
    """Without what is counted."""
    if kind == "htb":
        return b"".join(_uncounted(number, value) for number, value in attributes(options, 0))
    if kind == "sfq":
        return _uncounted_sfq(options)
    return options


def _uncounted_sfq(options: bytes) -> bytes:
    """Nor does it count more flows than packets, although it tells so until somebody sets either."""
    still = bytearray(options[:SFQ_STATS] + bytes(len(options[SFQ_STATS:])))
    limit, _divisor, flows = struct.unpack_from("=III", still, SFQ_LIMIT)
    struct.pack_into("=I", still, SFQ_LIMIT + 8, min(limit, flows))
    return bytes(still)


def _uncounted(kind: int, value: bytes) -> bytes:
    if kind == TCA_HTB_INIT:
        (version,) = _U32.unpack_from(value)
        still = bytearray(value)
        still[:4] = _U32.pack(version >> 16 or version)  # told as 3.17, taken as 3
        still[HTB_DIRECT] = bytes(4)
        value = bytes(still)
    return attribute(kind, value)


__all__ = ["INGRESS", "ROOT", "adding", "at", "classes_of", "every", "queue", "shared", "traffic_class"]
