"""Policy routing rules: requests about them, and rtnetlink's answers as values.

A rule with a selector that ``Rule`` cannot hold (ports, users, tunnels) is not given out: without it, the rule would
mean something else.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from ipaddress import ip_network
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import (
    HEADER,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    number,
    payloads,
    printed,
    string,
    text,
    u32,
)
from ports.devices import Rule

log = logging.getLogger("knd.netlink")

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FIB_RULE_INVERT = 2
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_TABLE = 1, 2, 3, 6, 10, 15
FRA_FWMASK, FRA_OIFNAME, FRA_PROTOCOL = 16, 17, 21
FRA_SUPPRESS_PREFIXLEN, FRA_L3MDEV = 14, 19
KEPT = {FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK, FRA_TABLE, FRA_FWMASK, FRA_OIFNAME, FRA_PROTOCOL}
SAYING_NOTHING = {FRA_SUPPRESS_PREFIXLEN: b"\xff\xff\xff\xff", 18: b""}  # -1: nothing suppressed; 18: padding
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
NUMBERS = {4: AF_INET, 6: AF_INET6}
VERSIONS = {AF_INET: 4, AF_INET6: 6}
DEFAULTS = {(4, 0, 255), (4, 32766, 254), (4, 32767, 253), (6, 0, 255), (6, 32766, 254)}  # family, priority, table
COMMON_TABLES = frozenset({0, 253, 254, 255})
ALL_BITS = 0xFFFFFFFF
_BODY = struct.Struct("=8BI")  # fib_rule_hdr: family, dst_len, src_len, tos, table, 2 reserved, action, flags
START = HEADER.size + _BODY.size


def every() -> Request:
    """Ask for all rules of all families."""
    return Request(kind=RTM_GETRULE, body=_BODY.pack(0, 0, 0, 0, 0, 0, 0, 0, 0))


def adding(rule: Rule) -> Request:
    """Add a rule; it must not be there already."""
    return Request(kind=RTM_NEWRULE, body=_packed(rule), flags=NLM_F_CREATE | NLM_F_EXCL)


def removing(rule: Rule) -> Request:
    """Remove the first rule that has all that this one has; what is unset here fits anything."""
    return Request(kind=RTM_DELRULE, body=_packed(rule))


def rule(message: bytes) -> Rule | None:
    """The rule that a message describes; None for the kernel's own, and for one that ``Rule`` cannot hold."""
    made, found = leading(message), payloads(message, START)
    if made is None or (made.protocol == RTPROT_KERNEL and (made.family, made.priority, made.table) in DEFAULTS):
        return None
    return made if _is_whole(made, found) else None


def leading(message: bytes) -> Rule | None:
    """The rule as far as ``Rule`` can hold it, the kernel's own too; None for the one that leads to VRFs."""
    family, to_length, from_length, tos, table, _, _, action, flags = _BODY.unpack_from(message, HEADER.size)
    found = payloads(message, START)
    if family not in VERSIONS or FRA_L3MDEV in found:  # l3mdev: made with the first VRF
        return None
    return Rule(
        family=VERSIONS[family],
        priority=number(found.get(FRA_PRIORITY)) or 0,
        table=number(found.get(FRA_TABLE)) or table,
        source=_prefix(found.get(FRA_SRC), from_length),
        destination=_prefix(found.get(FRA_DST), to_length),
        fwmark=number(found.get(FRA_FWMARK)) or 0,
        fwmask=number(found.get(FRA_FWMASK)) or 0,
        iif=text(found.get(FRA_IIFNAME)) or None,
        oif=text(found.get(FRA_OIFNAME)) or None,
        invert=bool(flags & FIB_RULE_INVERT),
        tos=tos,
        action=action,
        protocol=number(found.get(FRA_PROTOCOL)) or 0,
    )


def same(one: Rule, other: Rule) -> bool:
    """Whether two rules choose the same packets, in the same place, for the same table; who made them is no matter."""
    return _key(one) == _key(other)


def covers(pattern: Rule, other: Rule) -> bool:
    """Whether the kernel takes ``other`` for ``pattern`` when told to remove it: all that the pattern has set is equal."""
    one, two = _key(pattern), _key(other)
    return (
        all(not wanted or wanted == there for wanted, there in zip(one[2:], two[2:], strict=True))
        and one[:2] == two[:2]
    )


def _is_whole(made: Rule, found: Mapping[int, bytes]) -> bool:
    lost = {kind for kind in found.keys() - KEPT if SAYING_NOTHING.get(kind) != found[kind]}
    if lost:
        log.warning("rule %d of table %d has selectors that are not kept: %s", made.priority, made.table, sorted(lost))
    return not lost


def _key(rule: Rule) -> tuple[object, ...]:
    mask = (rule.fwmask or ALL_BITS) if rule.fwmark else rule.fwmask
    networks = (str(ip_network(prefix, strict=False)) if prefix else None for prefix in (rule.source, rule.destination))
    return (
        rule.family,
        rule.priority,
        rule.table,
        rule.action,
        *networks,
        rule.fwmark,
        mask,
        rule.iif,
        rule.oif,
        rule.invert,
        rule.tos,
    )


def _packed(rule: Rule) -> bytes:
    networks = {
        kind: ip_network(prefix, strict=False)
        for kind, prefix in ((FRA_SRC, rule.source), (FRA_DST, rule.destination))
        if prefix
    }
    lengths = [networks[kind].prefixlen if kind in networks else 0 for kind in (FRA_DST, FRA_SRC)]
    table = rule.table if rule.table < 256 else 0
    flags = FIB_RULE_INVERT if rule.invert else 0
    body = _BODY.pack(NUMBERS[rule.family], *lengths, rule.tos, table, 0, 0, rule.action, flags)
    parts = [u32(FRA_PRIORITY, rule.priority)]
    parts += [
        attribute(kind, network.network_address.packed) for kind, network in networks.items() if network.prefixlen
    ]
    numbers = ((FRA_TABLE, rule.table), (FRA_FWMARK, rule.fwmark), (FRA_FWMASK, rule.fwmask))
    parts += [u32(kind, value) for kind, value in numbers if value]
    names = ((FRA_IIFNAME, rule.iif), (FRA_OIFNAME, rule.oif))
    parts += [string(kind, name) for kind, name in names if name]
    parts.append(attribute(FRA_PROTOCOL, bytes([rule.protocol or RTPROT_STATIC])))
    return body + b"".join(parts)


def _prefix(payload: bytes | None, length: int) -> str | None:
    return f"{printed(payload)}/{length}" if payload else None
