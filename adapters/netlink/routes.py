"""Routes through a link: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from socket import AF_INET, AF_INET6
from typing import Any

from adapters.netlink.codec import HEADER, ROUTE, Request, decode
from ports.devices import Address, Route

RTM_NEWROUTE, RTM_GETROUTE = 24, 26
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
RTN_UNICAST = 1
RT_TABLE_LOCAL = 255
RTPROT_REDIRECT, RTPROT_KERNEL, RTPROT_STATIC, RTPROT_RA = 1, 2, 4, 9
BY_THEMSELVES = (RTPROT_REDIRECT, RTPROT_RA)
RTNH_F_ONLINK = 4
RTM_F_CLONED = 0x200
IPV6_DEFAULT_METRIC = 1024  # IP6_RT_PRIO_USER
EVERYWHERE = {AF_INET: "0.0.0.0/0", AF_INET6: "::/0"}
FAMILIES = (AF_INET, AF_INET6)
_BODY = struct.Struct("=8BI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags


def of_link(ifindex: int, family: int) -> Request:
    """Ask for the routes of one family through a link, of all tables (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETROUTE, fields={"family": family}, attributes=(("RTA_OIF", ifindex),))


def every(family: int) -> Request:
    """Ask for all routes of one family."""
    return Request(kind=RTM_GETROUTE, fields={"family": family})


def adding(ifindex: int, route: Route) -> Request:
    """Add a route; it must not be there already."""
    network = ip_network(route.destination)
    fields = {
        "family": AF_INET if network.version == 4 else AF_INET6,
        "dst_len": network.prefixlen,
        "table": route.table if route.table < 256 else 0,
        "proto": route.protocol or RTPROT_STATIC,
        "scope": route.scope,
        "type": RTN_UNICAST,
        "flags": RTNH_F_ONLINK if route.onlink else 0,
    }
    attributes = (("RTA_OIF", ifindex), ("RTA_TABLE", route.table), *_optional(route, network.version))
    if network.prefixlen:
        attributes = (("RTA_DST", str(network.network_address)), *attributes)
    flags = NLM_F_CREATE | NLM_F_EXCL
    return Request(kind=RTM_NEWROUTE, fields=fields, attributes=attributes, flags=flags)


def routes(message: bytes, ifindex: int) -> Iterator[Route]:
    """The unicast routes through the link that a message describes: one, or none, or one a hop of a multipath route."""
    if not _is_kept(message):
        return
    decoded = decode(ROUTE, message)
    found = dict(decoded["attrs"])
    for hop in (found, *map(_hop, found.get("RTA_MULTIPATH") or ())):
        if hop.get("RTA_OIF") == ifindex:
            yield _route(decoded, found, hop)


def default_links(message: bytes) -> Iterator[int]:
    """The links of a default route's next hops; none for another route. Looks at the header before it decodes."""
    _family, length, _, _, _table, _protocol, _scope, kind, flags = _BODY.unpack_from(message, HEADER.size)
    if length or kind != RTN_UNICAST or flags & RTM_F_CLONED:
        return
    found = dict(decode(ROUTE, message)["attrs"])
    for hop in (found, *map(_hop, found.get("RTA_MULTIPATH") or ())):
        if hop.get("RTA_OIF"):
            yield hop["RTA_OIF"]


def restored(found: Iterable[Route], addresses: Iterable[Address]) -> tuple[Route, ...]:
    """The routes that have to be put back, without those that come by themselves.

    The kernel makes the routes to the networks of the addresses, except where it is told not to (NetworkManager adds
    them itself then, with a metric, and calls the kernel their maker), and to link-local and multicast networks.
    """
    made = {ip_interface(address.prefix).network for address in addresses if not address.no_prefix_route}
    return tuple(route for route in found if route.protocol != RTPROT_KERNEL or not _is_made(route, made))


def _is_made(route: Route, made: set[Any]) -> bool:
    network = ip_network(route.destination)
    return network in made or network.is_link_local or network.is_multicast


def same(one: Route, other: Route) -> bool:
    """Whether two routes lead the same way with the same preference."""
    return _key(one) == _key(other)


def _key(route: Route) -> Route:
    network = ip_network(route.destination)
    metric = route.metric or (IPV6_DEFAULT_METRIC if network.version == 6 else 0)
    gateway = str(ip_address(route.gateway)) if route.gateway else None
    source = str(ip_address(route.source)) if route.source else None
    scope = route.scope if network.version == 4 else 0
    return replace(
        route, destination=str(network), metric=metric, gateway=gateway, source=source, scope=scope, protocol=0
    )


def _optional(route: Route, version: int) -> Iterator[tuple[str, Any]]:
    if route.gateway:
        gateway = ip_address(route.gateway)
        if gateway.version == version:
            yield "RTA_GATEWAY", str(gateway)
        else:  # an IPv4 route by way of an IPv6 neighbour, RFC 5549
            yield "RTA_VIA", {"family": AF_INET6 if gateway.version == 6 else AF_INET, "addr": str(gateway)}
    if route.source:
        yield "RTA_PREFSRC", str(ip_address(route.source))
    if route.metric:
        yield "RTA_PRIORITY", route.metric


def _is_kept(message: bytes) -> bool:
    _family, _length, _, _, table, protocol, _scope, kind, flags = _BODY.unpack_from(message, HEADER.size)
    ours = kind == RTN_UNICAST and table != RT_TABLE_LOCAL and not flags & RTM_F_CLONED
    return ours and protocol not in BY_THEMSELVES


def _route(decoded: Any, found: dict[str, Any], hop: dict[str, Any]) -> Route:
    address = found.get("RTA_DST")
    destination = f"{address}/{decoded['dst_len']}" if address else EVERYWHERE[decoded["family"]]
    via = hop.get("RTA_VIA")
    return Route(
        destination=destination,
        gateway=hop.get("RTA_GATEWAY") or (via["addr"] if via else None),
        source=found.get("RTA_PREFSRC"),
        scope=decoded["scope"],
        table=found.get("RTA_TABLE", decoded["table"]),
        metric=found.get("RTA_PRIORITY", 0),
        protocol=decoded["proto"],
        onlink=bool((decoded["flags"] | hop.get("flags", 0)) & RTNH_F_ONLINK),
    )


def _hop(hop: Any) -> dict[str, Any]:
    """A next hop of a multipath route in the form of a route's attributes."""
    return {**dict(hop.get("attrs", ())), "RTA_OIF": hop["oif"], "flags": hop["flags"]}
