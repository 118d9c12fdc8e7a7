"""What of the host's configuration goes along with the interface: one bundle that works in the pod, or is told as left.

Addresses, routes, rules and permanent neighbours belong together: a route that prefers a source which the pod does not
have is refused by the kernel, a rule whose table is empty sends packets elsewhere, a rule about another interface of the
host means nothing in the pod. So each is taken only as far as what it needs is there too, and as it is: with its metric,
protocol, MTU, next hops, marks. Whatever is left behind is said, with the reason.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ports.devices import MAIN_TABLE, SCOPE_LINK, SCOPE_UNIVERSE, Address, LinkFacts, Neighbour, Route, Rule
from ports.netconfig import NetworkConfig
from ports.netconfig.texts import IPNetwork

LOCAL_TABLE = 255  # kept by the kernel itself
TRANSFERABLE_SCOPES = (SCOPE_UNIVERSE, SCOPE_LINK)  # the others mean the host itself
KERNEL_MADE = 2  # RTPROT_KERNEL, linux/rtnetlink.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """What goes along; ``notes`` tells what does not, and why."""

    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    notes: tuple[str, ...] = ()


def takes_addresses(config: NetworkConfig) -> bool:
    """Whether the host's addresses go along. An empty list means none, on purpose; with DHCP they come from its server."""
    interface = config.interface
    return interface.addresses is None and not interface.dhcp and not interface.ipv6.dhcp


def takes_routes(config: NetworkConfig) -> bool:
    """Whether the host's routes, rules and neighbours go along: said, or because the addresses do."""
    said = config.inheritHostRoutes
    return takes_addresses(config) if said is None else said


def host_addresses(facts: LinkFacts) -> tuple[Address, ...]:
    """The host's addresses that a pod can have, each once. A label begins with the host's name of the interface."""
    return tuple(dict.fromkeys(replace(address, label="") for address in facts.addresses if _is_transferable(address)))


def inherit(
    config: NetworkConfig, facts: LinkFacts, addresses: tuple[Address, ...], own: tuple[Route, ...], pod_name: str
) -> Bundle:
    """The bundle for a pod whose interface has ``addresses`` and, by the claim, the routes ``own``."""
    if not takes_routes(config):
        return Bundle()
    notes: list[str] = []
    routes = tuple(_routes(config, facts, addresses, own, notes))
    rules = tuple(_rules(config, facts, (*own, *routes), pod_name, notes))
    neighbours = tuple(_neighbours(facts, addresses, (*own, *routes), notes))
    return Bundle(routes=routes, rules=rules, neighbours=neighbours, notes=tuple(notes))


def reachable(gateway: str, table: int, addresses: Iterable[Address], routes: Iterable[Route]) -> bool:
    """Whether a gateway is on the link: IPv6 link-local, in an address's network, or by a route without a gateway."""
    address = ipaddress.ip_address(gateway)
    if address.version == 6 and address.is_link_local:
        return True
    connected = (connected_network(each) for each in addresses if not each.no_prefix_route)
    return any(address in network for network in (*connected, *_on_link(table, routes)))


def connected_network(address: Address) -> IPNetwork:
    """The network that an address is in; of a point-to-point address that of the other end."""
    interface = ipaddress.ip_interface(address.prefix)
    if address.peer is None:
        return interface.network
    return ipaddress.ip_network(f"{address.peer}/{interface.network.prefixlen}", strict=False)


def _on_link(table: int, routes: Iterable[Route]) -> Iterator[IPNetwork]:
    for route in routes:
        if route.type == 1 and route.gateway is None and not route.hops and route.table in (table, MAIN_TABLE):
            yield ipaddress.ip_network(route.destination, strict=False)


def _routes(
    config: NetworkConfig, facts: LinkFacts, addresses: tuple[Address, ...], own: tuple[Route, ...], notes: list[str]
) -> Iterator[Route]:
    replaced = {(route.destination, route.table) for route in own}
    made = _made(facts)
    candidates = tuple(dict.fromkeys(route for route in facts.routes if _is_portable(route, made)))
    for route in candidates:
        if (route.destination, route.table) in replaced:
            continue
        reason = _route_obstacle(config, route, addresses, (*own, *candidates))
        if reason:
            notes.append(f"host route {route.destination} left behind: {reason}")
        else:
            yield route


def _route_obstacle(
    config: NetworkConfig, route: Route, addresses: tuple[Address, ...], routes: tuple[Route, ...]
) -> str:
    local = {str(ipaddress.ip_interface(each.prefix).ip) for each in addresses}
    if config.interface.vrf is not None and route.table != MAIN_TABLE:
        return f"its table {route.table} is no table of the VRF"
    if route.source is not None and route.source not in local:
        return f"its source {route.source} is no address of the interface in the pod"
    if any((":" in text) != (":" in route.destination) for text in _ends(route)):
        return "its gateway or source is of another address family"
    for gateway in _gateways(route):
        if gateway in local:
            return f"its gateway {gateway} is the interface itself in the pod"
        if not reachable(gateway, route.table, addresses, routes):
            return f"its gateway {gateway} is in no network of the interface in the pod"
    return ""


def _ends(route: Route) -> Iterator[str]:
    yield from filter(None, (route.gateway, route.source))
    yield from (hop.gateway for hop in route.hops)


def _gateways(route: Route) -> Iterator[str]:
    """Those that the kernel must find on the link."""
    if route.gateway is not None and not route.onlink:
        yield route.gateway
    yield from (hop.gateway for hop in route.hops if not hop.onlink)


def _rules(
    config: NetworkConfig, facts: LinkFacts, routes: tuple[Route, ...], pod_name: str, notes: list[str]
) -> Iterator[Rule]:
    for rule in dict.fromkeys(facts.rules):
        reason = _rule_obstacle(config, rule, facts.link.name, routes)
        if reason:
            notes.append(f"host rule {rule.priority} (table {rule.table}) left behind: {reason}")
        else:
            yield replace(rule, iif=rule.iif and pod_name, oif=rule.oif and pod_name)


def _rule_obstacle(config: NetworkConfig, rule: Rule, host_name: str, routes: tuple[Route, ...]) -> str:
    others = sorted({name for name in (rule.iif, rule.oif) if name not in (None, host_name)}, key=str)
    if config.interface.vrf is not None:
        return "the interface is in a VRF"
    if others:
        return f"it is about interface {others[0]}, which the pod does not have"
    if not any(route.table == rule.table and _version(route) == rule.family for route in routes):
        return "none of the interface's routes in the pod are in its table"
    return ""


def _neighbours(
    facts: LinkFacts, addresses: tuple[Address, ...], routes: tuple[Route, ...], notes: list[str]
) -> Iterator[Neighbour]:
    tables = {MAIN_TABLE, *(route.table for route in routes)}
    for neighbour in dict.fromkeys(facts.neighbours):
        if any(reachable(neighbour.address, table, addresses, routes) for table in tables):
            yield neighbour
        else:
            notes.append(
                f"host neighbour {neighbour.address} left behind: it is in no network of the interface in the pod"
            )


def _version(route: Route) -> int:
    return 6 if ":" in route.destination else 4


def _is_transferable(address: Address) -> bool:
    """Not those for the host itself (scope host). Link-local ones are somebody's choice: the kernel's own are no facts."""
    return address.scope <= SCOPE_LINK


def _is_portable(route: Route, made: frozenset[IPNetwork]) -> bool:
    """Not what comes with an address, and not what is about the host itself."""
    network = ipaddress.ip_network(route.destination, strict=False)
    made_so = route.protocol == KERNEL_MADE and (network in made or network.is_multicast)
    by_itself = made_so or (network.version == 6 and network.is_link_local)
    return not by_itself and route.table != LOCAL_TABLE and route.scope in TRANSFERABLE_SCOPES


def _made(facts: LinkFacts) -> frozenset[IPNetwork]:
    """The networks that the kernel makes routes to; where it was told not to, the host's own one is taken along."""
    return frozenset(connected_network(each) for each in facts.addresses if not each.no_prefix_route)
