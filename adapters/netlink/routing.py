"""rtnetlink's answers about routes as values.

What ``Route`` cannot hold and what would lead elsewhere without it is not given out: routes by source or by type of
service, and those into tunnels; hops of a multipath route that leave through other interfaces are not those of this one.
``unkept`` names all of these, because the kernel drops them with the interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import HEADER, number, payloads, printed, text
from adapters.netlink.routes import (
    BODY,
    HOP,
    RTA_DST,
    RTA_FLOW,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PREF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_TABLE,
    RTA_VIA,
    RTAX_CC_ALGO,
    RTAX_MTU,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    RTPROT_KERNEL,
    START,
    VIA,
)
from ports.devices import Hop, Metric, Route
from ports.uplinks import MEDIUM, Default

RTN_NOWHERE = (6, 7, 8)  # blackhole, unreachable, prohibit
RT_TABLE_LOCAL = 255
RTPROT_RA = 9
BY_THEMSELVES = (1, RTPROT_RA)  # 1: RTPROT_REDIRECT
RTNH_F_DEAD, RTNH_F_LINKDOWN = 1, 16
RTM_F_CLONED = 0x200
RTA_NEWDST, RTA_ENCAP, RTA_NH_ID = 19, 22, 30
EVERYWHERE = {AF_INET: "0.0.0.0/0", AF_INET6: "::/0"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """Where packets of a route go: through which link, to which neighbour."""

    ifindex: int | None
    gateway: str | None
    onlink: bool
    weight: int = 1
    alive: bool = True


def routes(message: bytes, ifindex: int) -> Iterator[Route]:
    """The unicast route through the link that a message describes, or none."""
    found = payloads(message, START)
    ways = _ways_through(message, found, ifindex)
    if ways and _kind(message) == RTN_UNICAST and not _obstacles(message, found):
        yield _leading(_route(message, found), ways)


def unkept(message: bytes, ifindex: int) -> Iterator[str]:
    """What of the route that a message describes is lost with the link, in words."""
    found = payloads(message, START)
    ways = _ways_through(message, found, ifindex)
    if not ways:
        return
    name = f"route to {_route(message, found).destination}"
    obstacles = _obstacles(message, found)
    if obstacles:
        yield f"{name} ({', '.join(obstacles)})"
    elsewhere = sum(1 for _ in _ways(0, found)) - len(ways)
    if elsewhere:
        yield f"{name}: {elsewhere} hops through other interfaces"
    if RTA_NH_ID in found:
        yield f"{name}: next hop object {number(found[RTA_NH_ID])}"


def leading_nowhere(message: bytes) -> Route | None:
    """The blackhole, unreachable or prohibit route that a message describes."""
    kind = BODY.unpack_from(message, HEADER.size)[7]
    return _route(message, payloads(message, START)) if kind in RTN_NOWHERE else None


def defaults(message: bytes) -> Iterator[Default]:
    """The ways of a default route; none for another route. Looks at the header before it decodes."""
    family, length, _, _, table, protocol, _scope, kind, flags = BODY.unpack_from(message, HEADER.size)
    if length or kind != RTN_UNICAST or flags & RTM_F_CLONED:
        return
    found = payloads(message, START)
    for way in _ways(flags, found):
        if way.ifindex:
            yield Default(
                family=4 if family == AF_INET else 6,
                table=number(found.get(RTA_TABLE)) or table,
                ifindex=way.ifindex,
                metric=number(found.get(RTA_PRIORITY)) or 0,
                preference=number(found.get(RTA_PREF)) or MEDIUM,
                alive=way.alive,
                advertised=protocol == RTPROT_RA,
            )


def out_of(message: bytes) -> Iterator[int]:
    """The links that a route of whatever kind leads through; that of an own address is the one that has it."""
    flags = BODY.unpack_from(message, HEADER.size)[8]
    return (way.ifindex for way in _ways(flags, payloads(message, START)) if way.ifindex)


def _ways_through(message: bytes, found: Mapping[int, bytes], ifindex: int) -> tuple[_Way, ...]:
    """Those of its ways that lead through the link; none where the kernel or a router made the route."""
    _family, _, _, _, table, protocol, _scope, kind, flags = BODY.unpack_from(message, HEADER.size)
    if flags & RTM_F_CLONED or protocol in BY_THEMSELVES or (table == RT_TABLE_LOCAL and protocol == RTPROT_KERNEL):
        return ()
    if kind != RTN_UNICAST and protocol == RTPROT_KERNEL:
        return ()
    return tuple(way for way in _ways(flags, found) if way.ifindex == ifindex)


def _obstacles(message: bytes, found: Mapping[int, bytes]) -> tuple[str, ...]:
    """What ``Route`` cannot hold, and the route would mean something else without."""
    _family, _, from_length, tos, table, _protocol, _scope, kind, _flags = BODY.unpack_from(message, HEADER.size)
    obstacles = {
        f"of type {kind}": kind != RTN_UNICAST,
        "in the local table": kind == RTN_UNICAST and table == RT_TABLE_LOCAL,
        "by source": bool(from_length),
        f"of type of service {tos}": bool(tos),
        "into a tunnel": RTA_ENCAP in found,
        "with another destination": RTA_NEWDST in found,
    }
    return tuple(words for words, there in obstacles.items() if there)


def _kind(message: bytes) -> int:
    return int(BODY.unpack_from(message, HEADER.size)[7])


def _route(message: bytes, found: Mapping[int, bytes]) -> Route:
    family, length, _, _, table, protocol, scope, kind, _flags = BODY.unpack_from(message, HEADER.size)
    metrics = payloads(found.get(RTA_METRICS, b""))
    return Route(
        destination=f"{printed(found[RTA_DST])}/{length}" if RTA_DST in found else EVERYWHERE[family],
        source=printed(found[RTA_PREFSRC]) if RTA_PREFSRC in found else None,
        scope=scope,
        table=number(found.get(RTA_TABLE)) or table,
        metric=number(found.get(RTA_PRIORITY)) or 0,
        protocol=protocol,
        type=kind,
        mtu=number(metrics.get(RTAX_MTU)) or 0,
        metrics=tuple(_metrics(metrics)),
        congestion=text(metrics.get(RTAX_CC_ALGO)),
        preference=number(found.get(RTA_PREF)) or 0,
        realm=number(found.get(RTA_FLOW)) or 0,
    )


def _metrics(found: Mapping[int, bytes]) -> Iterator[Metric]:
    for kind, payload in sorted(found.items()):
        if kind not in (RTAX_MTU, RTAX_CC_ALGO) and (value := number(payload)):
            yield Metric(number=kind, value=value)


def _leading(route: Route, ways: tuple[_Way, ...]) -> Route:
    if len(ways) == 1:
        return replace(route, gateway=ways[0].gateway, onlink=ways[0].onlink)
    hops = (Hop(gateway=way.gateway, weight=way.weight, onlink=way.onlink) for way in ways if way.gateway)
    return replace(route, hops=tuple(hops))


def _ways(flags: int, found: Mapping[int, bytes]) -> Iterator[_Way]:
    if RTA_MULTIPATH not in found:
        yield _way(number(found.get(RTA_OIF)), flags, found)
        return
    data, offset = found[RTA_MULTIPATH], 0
    while offset + HOP.size <= len(data):
        length, hop_flags, weight, ifindex = HOP.unpack_from(data, offset)
        if length < HOP.size:
            return
        inner = payloads(data[offset + HOP.size : offset + length])
        yield replace(_way(ifindex, hop_flags, inner), weight=weight + 1)
        offset += (length + 3) & ~3


def _way(ifindex: int | None, flags: int, found: Mapping[int, bytes]) -> _Way:
    return _Way(
        ifindex=ifindex,
        gateway=_gateway(found),
        onlink=bool(flags & RTNH_F_ONLINK),
        alive=not flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN),
    )


def _gateway(found: Mapping[int, bytes]) -> str | None:
    if RTA_VIA in found:
        return printed(found[RTA_VIA][VIA.size :])
    return printed(found[RTA_GATEWAY]) if RTA_GATEWAY in found else None
