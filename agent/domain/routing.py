"""Which addresses and routes an interface gets in its pod, in an order the kernel accepts, and what cannot work.

The host's addresses and the host's routes are one bundle: they are inherited together, when the claim gives no addresses.
Routes of the host without the host's addresses would name a source address that the pod does not have, and the kernel
refuses those.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ports.devices import MAIN_TABLE, SCOPE_LINK, SCOPE_UNIVERSE, Address, LinkFacts, Route
from ports.netconfig import NetworkConfig, RouteConfig

LOCAL_TABLE = 255  # kept by the kernel itself
TRANSFERABLE_SCOPES = (SCOPE_UNIVERSE, SCOPE_LINK)  # the others mean the host itself
KERNEL_MADE = 2  # RTPROT_KERNEL, linux/rtnetlink.h: comes by itself with the address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def inherits(config: NetworkConfig) -> bool:
    """Whether the host's addresses (and with them the host's routes) go along. An empty list means none, on purpose."""
    return config.interface.addresses is None


def addresses_for(config: NetworkConfig, facts: LinkFacts) -> tuple[Address, ...]:
    """The addresses in the pod, each once, in the order given; link-local ones come by themselves."""
    if inherits(config):
        return tuple(dict.fromkeys(address for address in facts.addresses if _inheritable(address)))
    given = config.interface.addresses or ()
    return tuple(dict.fromkeys(Address(prefix=str(ipaddress.ip_interface(prefix))) for prefix in given))


def routes_for(config: NetworkConfig, facts: LinkFacts) -> tuple[Route, ...]:
    """The routes in the pod: the claim's win over the host's for the same destination; on-link ones come first."""
    asked = tuple(_route(route) for route in config.routes or ())
    replaced = {(route.destination, route.table) for route in asked}
    inherited = (route for route in facts.routes if inherits(config) and _transferable(route))
    kept = (route for route in inherited if (route.destination, route.table) not in replaced)
    return tuple(sorted(dict.fromkeys((*asked, *kept)), key=_rank))


def route_mistakes(config: NetworkConfig, facts: LinkFacts, local: frozenset[str]) -> Iterator[str]:
    """What the kernel would refuse of the claim's routes. ``local`` holds all addresses of the claim's interfaces."""
    routes = routes_for(config, facts)
    addresses = addresses_for(config, facts)
    for index, given in enumerate(config.routes or ()):
        route = _route(given)
        if route.source is not None and route.source not in local:
            yield f"routes[{index}].source: {route.source} is no address of an interface of this claim"
        if route.gateway is not None and not _reachable(route, addresses, routes):
            yield (
                f"routes[{index}].gateway: {route.gateway} is in no network of this interface; "
                f"add a route to it with scope {SCOPE_LINK}"
            )


def _rank(route: Route) -> int:
    """On-link routes first: a gateway must be reachable when the route through it is added."""
    return 0 if route.scope == SCOPE_LINK or route.gateway is None else 1


def _route(given: RouteConfig) -> Route:
    return Route(
        destination=str(ipaddress.ip_network(given.destination, strict=False)),
        gateway=_canonical(given.gateway),
        source=_canonical(given.source),
        scope=given.scope if ":" not in given.destination else SCOPE_UNIVERSE,  # the kernel has no scopes in IPv6
        table=given.table or MAIN_TABLE,  # 0 means "unspecified", which is the main table
    )


def _canonical(address: str | None) -> str | None:
    return None if address is None else str(ipaddress.ip_address(address))


def _inheritable(address: Address) -> bool:
    return address.scope < SCOPE_LINK and not ipaddress.ip_interface(address.prefix).is_link_local


def _transferable(route: Route) -> bool:
    by_itself = route.protocol == KERNEL_MADE or route.table == LOCAL_TABLE or route.scope not in TRANSFERABLE_SCOPES
    return not by_itself and not ipaddress.ip_network(route.destination, strict=False).is_link_local


def _reachable(route: Route, addresses: tuple[Address, ...], routes: tuple[Route, ...]) -> bool:
    gateway = ipaddress.ip_address(route.gateway or "")
    if gateway.version == 6 and gateway.is_link_local:
        return True
    connected = (ipaddress.ip_interface(address.prefix).network for address in addresses)
    return any(gateway in network for network in (*connected, *_on_link(route, routes)))


def _on_link(route: Route, routes: tuple[Route, ...]) -> Iterator[IPNetwork]:
    for other in routes:
        if other.gateway is None and other.table in (route.table, MAIN_TABLE):
            yield ipaddress.ip_network(other.destination, strict=False)
