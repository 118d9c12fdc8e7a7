"""What an interface is configured with in its pod: addresses, routes, rules, neighbours, the claim's and the host's.

All in the form and the order in which the kernel takes them. What the claim says wins over what goes along from the host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.domain.inheritance import host_addresses, inherit, takes_addresses
from ports.devices import MAIN_TABLE, SCOPE_UNIVERSE, Address, Hop, LinkFacts, Neighbour, Route, Rule
from ports.netconfig import NeighborConfig, NetworkConfig, RouteConfig, RuleConfig, texts
from ports.netconfig.schema import ROUTE_TYPES
from ports.netconfig.vrf import table_of

BEFORE_MAIN = 32765  # the priority that the kernel gives the first rule of nobody's choice
FAMILIES = (4, 6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressing:
    """The configuration of one interface in its pod; ``notes`` tells what of the host's was left behind."""

    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    notes: tuple[str, ...] = ()


def addressing(config: NetworkConfig, facts: LinkFacts) -> Addressing:
    """All of it, each once."""
    addresses = addresses_for(config, facts)
    own = own_routes(config)
    name = config.interface.name or facts.link.name
    host = inherit(config, facts, addresses, own, name)
    inherited = (replace(route, table=table_for(config, route.table)) for route in host.routes)
    routes = tuple(sorted(dict.fromkeys((*own, *inherited)), key=_rank))
    return Addressing(
        addresses=addresses,
        routes=routes,
        rules=tuple(dict.fromkeys((*_own_rules(config, addresses, routes), *host.rules))),
        neighbours=_neighbours(config, host.neighbours),
        notes=host.notes,
    )


def addresses_for(config: NetworkConfig, facts: LinkFacts) -> tuple[Address, ...]:
    """The addresses in the pod, in the order given: the claim's, or the host's when the claim says nothing of them."""
    dad = bool(config.interface.ipv6.dad)
    if takes_addresses(config):
        found = host_addresses(facts)
    else:
        found = tuple(Address(prefix=str(ipaddress.ip_interface(text))) for text in config.interface.addresses or ())
    return tuple(dict.fromkeys(replace(each, dad=dad and ":" in each.prefix) for each in found))


def own_routes(config: NetworkConfig) -> tuple[Route, ...]:
    """The claim's routes, in its order."""
    return tuple(_route(config, given) for given in config.routes or ())


def vrf_table(config: NetworkConfig) -> int | None:
    """The table of the interface's VRF, None without one."""
    vrf = config.interface.vrf
    return None if vrf is None else vrf.table or table_of(vrf.name)


def table_for(config: NetworkConfig, table: int | None) -> int:
    """The table of a route: in a VRF there is only its own."""
    return vrf_table(config) or table or MAIN_TABLE


def _rank(route: Route) -> int:
    """Routes without a next hop first: a gateway must be reachable when the route through it is added."""
    return 0 if route.gateway is None and not route.hops else 1


def _route(config: NetworkConfig, given: RouteConfig) -> Route:
    hops = given.nextHops or ()
    return Route(
        destination=str(ipaddress.ip_network(given.destination, strict=False)),
        gateway=_canonical(given.gateway),
        source=_canonical(given.source),
        scope=(given.scope or 0)
        if ":" not in given.destination
        else SCOPE_UNIVERSE,  # the kernel has no scopes in IPv6
        table=table_for(config, given.table),
        metric=given.metric or 0,
        onlink=bool(given.onLink),
        type=ROUTE_TYPES[given.type or "unicast"],
        mtu=given.mtu or 0,
        hops=tuple(
            Hop(gateway=str(ipaddress.ip_address(hop.gateway)), weight=hop.weight or 1, onlink=bool(hop.onLink))
            for hop in hops
        ),
    )


def _own_rules(config: NetworkConfig, addresses: tuple[Address, ...], routes: tuple[Route, ...]) -> Iterator[Rule]:
    for given in config.rules or ():
        for family in _families(given, addresses, routes):
            yield _rule(given, family)


def _families(given: RuleConfig, addresses: tuple[Address, ...], routes: tuple[Route, ...]) -> tuple[int, ...]:
    """Of its networks, else of the routes in its table, else of the addresses; else IPv4, as ``ip rule`` has it."""
    texts_given = [text for text in (given.source, given.destination) if text]
    in_table = [route.destination for route in routes if route.table == (given.table or MAIN_TABLE)]
    for candidates in (texts_given, in_table, [address.prefix for address in addresses]):
        found = {6 if ":" in text else 4 for text in candidates}
        if found:
            return tuple(sorted(found))
    return (4,)


def _rule(given: RuleConfig, family: int) -> Rule:
    return Rule(
        family=family,
        priority=BEFORE_MAIN if given.priority is None else given.priority,
        table=given.table or MAIN_TABLE,
        source=_network(given.source),
        destination=_network(given.destination),
        fwmark=given.fwmark or 0,
        fwmask=given.fwmask or 0,
        iif=given.iif or None,
        oif=given.oif or None,
    )


def _neighbours(config: NetworkConfig, inherited: tuple[Neighbour, ...]) -> tuple[Neighbour, ...]:
    own = {each.address: each for each in map(_neighbour, config.neighbors or ())}
    return (*own.values(), *(each for each in inherited if each.address not in own))


def _neighbour(given: NeighborConfig) -> Neighbour:
    return Neighbour(address=str(ipaddress.ip_address(given.destination)), mac=texts.mac(given.hardwareAddr) or "")


def _canonical(address: str | None) -> str | None:
    return str(ipaddress.ip_address(address)) if address else None


def _network(text: str | None) -> str | None:
    return str(ipaddress.ip_network(text, strict=False)) if text else None
