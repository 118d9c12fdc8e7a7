"""Single values of a plan: whether each is something that the kernel may be asked for, whoever made the plan."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import fields
from math import inf

from ports.devices import SCOPE_LINK, SCOPE_UNIVERSE, Address, Neighbour, Offloads, RdmaLimits, Route, Rule, Tuning
from ports.netconfig import MAC, name_mistakes
from ports.plan import SetOffloads

MOST = 0xFFFFFFFF
LOCAL_TABLE = 255
BLOCKING = (6, 7, 8)  # RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, and the same numbers for a rule's FR_ACT
MAX_HOPS = 64
MAX_RDMA = 0x7FFFFFFF  # S32_MAX, kernel/cgroup/rdma.c
MAX_LABEL = 15  # IFNAMSIZ - 1
METRICS = range(1, 18)  # RTAX_* of linux/rtnetlink.h
CONGESTION = re.compile(r"[a-z0-9_-]{0,15}")  # TCP_CA_NAME_MAX - 1
MAX_QUEUE = 1 << 20
MAX_SIZE = 1 << 20  # bytes of a segment; the kernel's own limit is 512 KiB (GSO_MAX_SIZE)
MIN_SIZE = 1
MAX_ALTERNATIVE_NAME = 127  # ALTIFNAMSIZ - 1
SWITCH_NAME = re.compile(r"[!-~][ -~]{0,30}")  # ETH_GSTRING_LEN - 1 printable characters
MULTICAST = 0x01  # the group bit of an Ethernet address
Parsed = ipaddress.IPv4Network | ipaddress.IPv6Network | ipaddress.IPv4Address | ipaddress.IPv6Address


def mac_mistakes(mac: str) -> Iterator[str]:
    """What keeps this from being the address of one interface."""
    if not MAC.fullmatch(mac) or int(mac[:2], 16) & MULTICAST or not int(re.sub("[:-]", "", mac), 16):
        yield f"{mac!r} is no address of one interface"


def address_mistakes(address: Address) -> Iterator[str]:
    """What keeps this from being an address with its prefix."""
    try:
        ipaddress.ip_interface(address.prefix)
        if address.broadcast is not None:
            ipaddress.IPv4Address(address.broadcast)
    except ValueError as error:
        yield str(error)
    if "/" not in address.prefix or "%" in address.prefix or not 0 <= address.scope <= 255:
        yield f"{address.prefix!r} scope {address.scope} is no address with prefix length"
    if address.lifetime is not None and not 0 < address.lifetime.preferred_until <= address.lifetime.valid_until < inf:
        yield f"{address.prefix} has a lifetime that cannot be"
    if not 0 <= address.metric <= MOST or not 0 <= address.protocol <= 255 or len(address.label) > MAX_LABEL:
        yield f"{address.prefix} has metric {address.metric}, protocol {address.protocol}, label {address.label!r}"


def route_mistakes(route: Route) -> Iterator[str]:
    """What keeps this from being a route of the interface."""
    what = f"the route to {route.destination}"
    hops = [hop.gateway for hop in route.hops]
    yield from _family_mistakes(what, [route.destination], [route.gateway, route.source, *hops])
    if route.scope not in (SCOPE_UNIVERSE, SCOPE_LINK) or not 0 <= route.protocol <= 255:
        yield f"{what} has scope {route.scope}, protocol {route.protocol}"
    if not _is_table(route.table) or not 0 <= route.metric <= MOST or not 0 <= route.mtu <= 0xFFFF:
        yield f"{what} has table {route.table}, metric {route.metric}, MTU {route.mtu}"
    yield from _preference_mistakes(what, route)
    if len(hops) > MAX_HOPS or any(not 1 <= hop.weight <= 256 for hop in route.hops) or (hops and route.gateway):
        yield f"{what} has next hops that cannot be"
    if route.type != 1 and (route.type not in BLOCKING or route.gateway or hops):
        yield f"{what} has type {route.type}"


def _preference_mistakes(what: str, route: Route) -> Iterator[str]:
    numbers = {metric.number for metric in route.metrics}
    known = all(metric.number in METRICS and 0 < metric.value <= MOST for metric in route.metrics)
    if not known or len(numbers) < len(route.metrics):
        yield f"{what} has metrics that cannot be"
    if not CONGESTION.fullmatch(route.congestion) or not 0 <= route.preference <= 3 or not 0 <= route.realm <= MOST:
        yield f"{what} has congestion control {route.congestion!r}, preference {route.preference}, realm {route.realm}"


def rule_mistakes(rule: Rule) -> Iterator[str]:
    """What keeps this from being a rule of a pod."""
    what = f"the rule of priority {rule.priority}"
    if rule.family not in (4, 6):
        yield f"{what} is of family {rule.family}"
        return
    yield from _family_mistakes(what, [rule.source, rule.destination], [], rule.family)
    if not 0 <= rule.priority <= MOST:
        yield f"{what}: no such priority"
    if rule.action not in (1, *BLOCKING) or (rule.action == 1) != bool(rule.table) or not 0 <= rule.table <= MOST:
        yield f"{what} has action {rule.action}, table {rule.table}"
    if not all(0 <= mark <= MOST for mark in (rule.fwmark, rule.fwmask)):
        yield f"{what} has mark {rule.fwmark}/{rule.fwmask}"
    if not 0 <= rule.tos <= 255 or not 0 <= rule.protocol <= 255:
        yield f"{what} has TOS {rule.tos}, protocol {rule.protocol}"
    for name in (rule.iif, rule.oif):
        if name is not None and name not in ("lo", "eth0"):
            yield from name_mistakes(name)


def neighbour_mistakes(neighbour: Neighbour) -> Iterator[str]:
    """What keeps this from being a neighbour."""
    try:
        address = ipaddress.ip_address(neighbour.address)
    except ValueError as error:
        yield str(error)
        return
    if "%" in neighbour.address or address.is_multicast or address.is_unspecified:
        yield f"{neighbour.address} is no neighbour"
    if not MAC.fullmatch(neighbour.mac):
        yield f"{neighbour.mac!r} is no hardware address"


def vrf_mistakes(name: str, table: int) -> Iterator[str]:
    """What keeps this from being a VRF of a pod."""
    yield from name_mistakes(name)
    if not _is_table(table) or table == LOCAL_TABLE:
        yield f"VRF {name} cannot have table {table}"


def tuning_mistakes(tuning: Tuning) -> Iterator[str]:
    """Sizes that no device has."""
    for field in fields(Tuning):
        value = getattr(tuning, field.name)
        least, most = (0, MAX_QUEUE) if field.name == "tx_queue_len" else (MIN_SIZE, MAX_SIZE)
        if value is not None and not least <= value <= most:
            yield f"{field.name} {value} is not between {least} and {most}"


def offload_mistakes(offloads: Offloads) -> Iterator[str]:
    """Names that are none of a feature or flag, or that are given twice."""
    for switches in (offloads.features, offloads.flags):
        names = [switch.name for switch in switches]
        yield from (f"{name!r} is no name of a feature" for name in names if not SWITCH_NAME.fullmatch(name))
        if len(set(names)) < len(names):
            yield "a feature is to be switched twice"


def switch_mistakes(step: SetOffloads) -> Iterator[str]:
    """The same of what is to be switched and of what was before; settings of the hardware no plan changes."""
    if step.offloads.settings:
        yield "settings of the hardware are to be changed"
    yield from (mistake for each in (step.offloads, step.before) for mistake in offload_mistakes(each))


def limit_mistakes(limits: RdmaLimits) -> Iterator[str]:
    """What the rdma controller would not take; it is the container runtime that writes it."""
    for limit in (limits.handles, limits.objects):
        if limit is not None and not 0 < limit <= MAX_RDMA:
            yield f"{limit} is no limit of RDMA handles or objects"


def alternative_name_mistakes(name: str) -> Iterator[str]:
    """What keeps this from being a further name of an interface."""
    good = all(char.isalnum() or char in "-_." for char in name) and name not in ("", ".", "..", "lo", "eth0")
    if not good or len(name.encode("utf-8", "surrogatepass")) > MAX_ALTERNATIVE_NAME:
        yield f"{name!r} is no alternative name of an interface"


def _is_table(table: int) -> bool:
    return 0 < table <= MOST


def _family_mistakes(
    what: str, networks: list[str | None], addresses: list[str | None], family: int | None = None
) -> Iterator[str]:
    try:
        parsed: list[Parsed] = [ipaddress.ip_network(text, strict=False) for text in networks if text is not None]
        parsed += [ipaddress.ip_address(text) for text in addresses if text is not None]
    except ValueError as error:
        yield str(error)
        return
    versions = {item.version for item in parsed} | ({family} if family else set())
    if len(versions) > 1:
        yield f"{what} mixes address families"
