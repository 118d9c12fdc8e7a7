"""Routes through a link: requests about them, and which of the kernel's answers have to be put back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from socket import AF_INET, AF_INET6
from typing import Any

from adapters.netlink.codec import HEADER, NLM_F_CREATE, NLM_F_EXCL, Request, attribute, string, u32
from ports.devices import Address, Hop, Route

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTN_UNICAST = 1
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH = 1, 4, 5, 6, 7, 8, 9
RTA_FLOW, RTA_TABLE, RTA_VIA, RTA_PREF = 11, 15, 18, 20
RTAX_MTU, RTAX_CC_ALGO = 2, 16
RTNH_F_ONLINK = 4
IPV6_DEFAULT_METRIC = 1024  # IP6_RT_PRIO_USER
FAMILIES = (AF_INET, AF_INET6)
BODY = struct.Struct("=8BI")  # rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags
START = HEADER.size + BODY.size
HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, weight - 1, index
VIA = struct.Struct("=H")  # rtvia: family, and the address behind it


def of_link(ifindex: int, family: int) -> Request:
    """Ask for the routes of one family through a link, of all tables (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETROUTE, body=_about(family) + u32(RTA_OIF, ifindex))


def like(route: Route) -> Request:
    """Ask for the routes of one family, table and type, whatever link they lead through."""
    body = BODY.pack(_family(route), 0, 0, 0, 0, 0, 0, route.type, 0)
    return Request(kind=RTM_GETROUTE, body=body + u32(RTA_TABLE, route.table))


def of_table(version: int, table: int) -> Request:
    """Ask for the routes of one IP version and table (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETROUTE, body=_about(FAMILIES[version == 6]) + u32(RTA_TABLE, table))


def adding(ifindex: int, route: Route) -> Request:
    """Add a route; it must not be there already."""
    body = _body(ifindex, route, route.protocol or RTPROT_STATIC)
    return Request(kind=RTM_NEWROUTE, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)


def removing(ifindex: int, route: Route) -> Request:
    """Remove a route that has all of this one; whoever made it."""
    return Request(kind=RTM_DELROUTE, body=_body(ifindex, route, 0))


def restored(found: Iterable[Route], addresses: Iterable[Address]) -> tuple[Route, ...]:
    """The routes that have to be put back, without those that come by themselves.

    The kernel makes the routes to the networks of the addresses, except where it is told not to (NetworkManager adds
    them itself then, with a metric, and calls the kernel their maker), and to link-local and multicast networks.
    """
    made = {network for address in addresses if not address.no_prefix_route for network in _networks(address)}
    return tuple(route for route in found if route.protocol != RTPROT_KERNEL or not _is_made(route, made))


def same(one: Route, other: Route) -> bool:
    """Whether two routes lead the same way with the same preference."""
    return _key(one) == _key(other)


def _networks(address: Address) -> Iterator[Any]:
    """What the kernel makes routes to: the address's network, or the peer's and (IPv6) the address itself."""
    interface = ip_interface(address.prefix)
    if not address.peer:
        yield interface.network
        return
    yield ip_interface(f"{address.peer}/{interface.network.prefixlen}").network
    yield ip_interface(interface.ip).network


def _is_made(route: Route, made: set[Any]) -> bool:
    network = ip_network(route.destination)
    return network in made or (network.version == 6 and network.is_link_local) or network.is_multicast


def _key(route: Route) -> Route:
    network = ip_network(route.destination)
    return replace(
        route,
        destination=str(network),
        metric=route.metric or (IPV6_DEFAULT_METRIC if network.version == 6 else 0),
        gateway=_plain(route.gateway),
        source=_plain(route.source),
        scope=route.scope if network.version == 4 and route.type == RTN_UNICAST else 0,
        hops=tuple(replace(hop, gateway=_plain(hop.gateway) or "") for hop in route.hops),
        protocol=0,
    )


def _plain(address: str | None) -> str | None:
    return str(ip_address(address)) if address else None


def _family(route: Route) -> int:
    return AF_INET if ip_network(route.destination).version == 4 else AF_INET6


def _body(ifindex: int, route: Route, protocol: int) -> bytes:
    network = ip_network(route.destination)
    table = route.table if route.table < 256 else 0
    flags = RTNH_F_ONLINK if route.onlink else 0
    fixed = BODY.pack(_family(route), network.prefixlen, 0, 0, table, protocol, route.scope, route.type, flags)
    return fixed + b"".join(_parts(ifindex, route, network))


def _about(family: int) -> bytes:
    return BODY.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)


def _parts(ifindex: int, route: Route, network: Any) -> Iterator[bytes]:
    yield u32(RTA_TABLE, route.table)
    if network.prefixlen:
        yield attribute(RTA_DST, network.network_address.packed)
    if route.hops:
        yield attribute(RTA_MULTIPATH, b"".join(_hop(ifindex, hop, network.version) for hop in route.hops))
    elif route.type == RTN_UNICAST:
        yield u32(RTA_OIF, ifindex)
    if route.gateway:
        yield _gateway(route.gateway, network.version)
    yield from _refinements(route)


def _refinements(route: Route) -> Iterator[bytes]:
    """What a route is beside its destination and the way there."""
    if route.source:
        yield attribute(RTA_PREFSRC, ip_address(route.source).packed)
    if route.metric:
        yield u32(RTA_PRIORITY, route.metric)
    if metrics := b"".join(_metrics(route)):
        yield attribute(RTA_METRICS, metrics)
    if route.preference:
        yield attribute(RTA_PREF, bytes([route.preference]))
    if route.realm:
        yield u32(RTA_FLOW, route.realm)


def _metrics(route: Route) -> Iterator[bytes]:
    if route.mtu:
        yield u32(RTAX_MTU, route.mtu)
    yield from (u32(metric.number, metric.value) for metric in route.metrics)
    if route.congestion:
        yield string(RTAX_CC_ALGO, route.congestion)


def _hop(ifindex: int, hop: Hop, version: int) -> bytes:
    gateway = _gateway(hop.gateway, version)
    flags = RTNH_F_ONLINK if hop.onlink else 0
    return HOP.pack(HOP.size + len(gateway), flags, hop.weight - 1, ifindex) + gateway


def _gateway(gateway: str, version: int) -> bytes:
    """A neighbour of the other family (an IPv4 route by way of IPv6, RFC 5549) has an attribute of its own."""
    address = ip_address(gateway)
    if address.version == version:
        return attribute(RTA_GATEWAY, address.packed)
    return attribute(RTA_VIA, VIA.pack(AF_INET if address.version == 4 else AF_INET6) + address.packed)
