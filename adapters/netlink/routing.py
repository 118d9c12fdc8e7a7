"""rtnetlink's answers about routes as values.

What ``Route`` cannot hold and what would lead elsewhere without it is not given out: routes by source or by type of
service, and those into tunnels. Of the others is lost, and told in the log: metrics but the MTU, realms, and hops of a
multipath route that leave through other interfaces.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import HEADER, number, payloads, printed
from adapters.netlink.routes import (
    BODY,
    HOP,
    RTA_DST,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTA_TABLE,
    RTA_VIA,
    RTAX_MTU,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    START,
    VIA,
)
from ports.devices import Hop, Route

log = logging.getLogger("knd.netlink")

RTN_NOWHERE = (6, 7, 8)  # blackhole, unreachable, prohibit
RT_TABLE_LOCAL = 255
BY_THEMSELVES = (1, 9)  # RTPROT_REDIRECT, RTPROT_RA
RTM_F_CLONED = 0x200
RTA_FLOW, RTA_NEWDST, RTA_ENCAP = 11, 19, 22
RTAX_LOCK = 1
EVERYWHERE = {AF_INET: "0.0.0.0/0", AF_INET6: "::/0"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """Where packets of a route go: through which link, to which neighbour."""

    ifindex: int | None
    gateway: str | None
    onlink: bool
    weight: int = 1


def routes(message: bytes, ifindex: int) -> Iterator[Route]:
    """The unicast route through the link that a message describes, or none."""
    _family, _, from_length, tos, table, protocol, _scope, kind, flags = BODY.unpack_from(message, HEADER.size)
    if kind != RTN_UNICAST or table == RT_TABLE_LOCAL or flags & RTM_F_CLONED or protocol in BY_THEMSELVES:
        return
    found = payloads(message, START)
    ways = tuple(_ways(flags, found))
    ours = tuple(way for way in ways if way.ifindex == ifindex)
    if not ours:
        return
    route = _route(message, found)
    if from_length or tos or found.keys() & {RTA_NEWDST, RTA_ENCAP}:
        log.warning("the route to %s is not kept: it has a source, a type of service or a tunnel", route.destination)
        return
    _tell_loss(route, found, len(ways) - len(ours))
    yield _leading(route, ours)


def leading_nowhere(message: bytes) -> Route | None:
    """The blackhole, unreachable or prohibit route that a message describes."""
    kind = BODY.unpack_from(message, HEADER.size)[7]
    return _route(message, payloads(message, START)) if kind in RTN_NOWHERE else None


def default_links(message: bytes) -> Iterator[int]:
    """The links of a default route's next hops; none for another route. Looks at the header before it decodes."""
    _family, length, _, _, _table, _protocol, _scope, kind, flags = BODY.unpack_from(message, HEADER.size)
    if length or kind != RTN_UNICAST or flags & RTM_F_CLONED:
        return
    for way in _ways(flags, payloads(message, START)):
        if way.ifindex:
            yield way.ifindex


def _route(message: bytes, found: dict[int, bytes]) -> Route:
    family, length, _, _, table, protocol, scope, kind, _flags = BODY.unpack_from(message, HEADER.size)
    return Route(
        destination=f"{printed(found[RTA_DST])}/{length}" if RTA_DST in found else EVERYWHERE[family],
        source=printed(found[RTA_PREFSRC]) if RTA_PREFSRC in found else None,
        scope=scope,
        table=number(found.get(RTA_TABLE)) or table,
        metric=number(found.get(RTA_PRIORITY)) or 0,
        protocol=protocol,
        type=kind,
        mtu=number(payloads(found.get(RTA_METRICS, b"")).get(RTAX_MTU)) or 0,
    )


def _leading(route: Route, ways: tuple[_Way, ...]) -> Route:
    if len(ways) == 1:
        return replace(route, gateway=ways[0].gateway, onlink=ways[0].onlink)
    hops = (Hop(gateway=way.gateway, weight=way.weight, onlink=way.onlink) for way in ways if way.gateway)
    return replace(route, hops=tuple(hops))


def _ways(flags: int, found: dict[int, bytes]) -> Iterator[_Way]:
    if RTA_MULTIPATH not in found:
        yield _Way(ifindex=number(found.get(RTA_OIF)), gateway=_gateway(found), onlink=bool(flags & RTNH_F_ONLINK))
        return
    data, offset = found[RTA_MULTIPATH], 0
    while offset + HOP.size <= len(data):
        length, hop_flags, weight, ifindex = HOP.unpack_from(data, offset)
        if length < HOP.size:
            return
        inner = payloads(data[offset + HOP.size : offset + length])
        yield _Way(ifindex=ifindex, gateway=_gateway(inner), onlink=bool(hop_flags & RTNH_F_ONLINK), weight=weight + 1)
        offset += (length + 3) & ~3


def _gateway(found: dict[int, bytes]) -> str | None:
    if RTA_VIA in found:
        return printed(found[RTA_VIA][VIA.size :])
    return printed(found[RTA_GATEWAY]) if RTA_GATEWAY in found else None


def _tell_loss(route: Route, found: dict[int, bytes], elsewhere: int) -> None:
    metrics = payloads(found.get(RTA_METRICS, b"")).keys() - {RTAX_MTU}
    lost = [f"{elsewhere} hops through other interfaces"] if elsewhere else []
    lost += ["metrics " + ", ".join(map(str, sorted(metrics)))] if metrics else []
    lost += ["its realm"] if RTA_FLOW in found else []
    if lost:
        log.info("of the route to %s is not kept: %s", route.destination, "; ".join(lost))
