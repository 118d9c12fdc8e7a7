"""Routes, rules and neighbours that can never be, whatever the device."""

from __future__ import annotations

from collections.abc import Iterator

from ports.devices import MAIN_TABLE, SCOPE_LINK, SCOPE_UNIVERSE
from ports.netconfig import texts
from ports.netconfig.schema import MAX_HOPS, HopConfig, NeighborConfig, RouteConfig, RuleConfig
from ports.netconfig.texts import MAX_NAME_BYTES, IPNetwork
from ports.schemas.limits import too_many, twice, value_mistakes
from ports.schemas.mistakes import Mistake


def route_mistakes(routes: tuple[RouteConfig, ...]) -> Iterator[Mistake]:
    """Of all routes; two of one destination, table and metric are one route to the kernel."""
    yield from too_many("routes", routes)
    yield from twice("routes", map(_route_key, routes), "the same destination, table and metric")
    for index, route in enumerate(routes):
        yield from (mistake.under(f"routes[{index}]") for mistake in _route_mistakes(route))


def rule_mistakes(rules: tuple[RuleConfig, ...]) -> Iterator[Mistake]:
    """Of all rules."""
    yield from too_many("rules", rules)
    yield from twice("rules", rules, "the same rule")
    for index, rule in enumerate(rules):
        yield from (mistake.under(f"rules[{index}]") for mistake in _rule_mistakes(rule))


def neighbour_mistakes(neighbours: tuple[NeighborConfig, ...]) -> Iterator[Mistake]:
    """Of all neighbours."""
    yield from too_many("neighbors", neighbours)
    yield from twice("neighbors", (texts.address(each.destination) for each in neighbours), "the same destination")
    for index, neighbour in enumerate(neighbours):
        yield from (mistake.under(f"neighbors[{index}]") for mistake in _neighbour_mistakes(neighbour))


def _route_key(route: RouteConfig) -> object:
    network = texts.network(route.destination)
    return network and (network, route.table or MAIN_TABLE, route.metric or 0)


def _route_mistakes(route: RouteConfig) -> Iterator[Mistake]:
    yield from value_mistakes(route)
    destination = texts.network(route.destination)
    if route.destination and destination is None:
        reason = f"{route.destination!r} is no network, such as 10.1.0.0/16 (a host route needs /32 or /128)"
        yield Mistake("destination", reason)
    yield from _next_mistakes(route, destination) if route.type in (None, "unicast") else _dead_end_mistakes(route)
    if route.source:
        yield from (Mistake("source", reason) for reason in _address_reasons(route.source, destination))


def _next_mistakes(route: RouteConfig, destination: IPNetwork | None) -> Iterator[Mistake]:
    """Where packets go next: one gateway, several hops, or the link itself."""
    if route.gateway:
        yield from (Mistake("gateway", reason) for reason in _gateway_reasons(route.gateway, destination))
    if route.gateway and route.nextHops:
        yield Mistake("nextHops", "cannot be given together with gateway", ("gateway",))
    if not route.gateway and not route.nextHops and (route.scope or SCOPE_UNIVERSE) == SCOPE_UNIVERSE:
        yield Mistake("gateway", f"needed unless scope is {SCOPE_LINK} (link)")
    if route.nextHops and route.scope == SCOPE_LINK:
        yield Mistake("nextHops", f"cannot be given together with scope {SCOPE_LINK} (link)", ("scope",))
    if route.onLink and not route.gateway:
        yield Mistake("onLink", "says something of gateway, which is not given")
    if len(route.nextHops or ()) > MAX_HOPS:
        yield Mistake("nextHops", f"more than {MAX_HOPS} next hops")
    yield from twice("nextHops", (texts.address(hop.gateway) for hop in route.nextHops or ()), "the same gateway")
    for index, hop in enumerate(route.nextHops or ()):
        yield from (mistake.under(f"nextHops[{index}]") for mistake in _hop_mistakes(hop, destination))


def _hop_mistakes(hop: HopConfig, destination: IPNetwork | None) -> Iterator[Mistake]:
    yield from value_mistakes(hop)
    if hop.gateway:
        yield from (Mistake("gateway", reason) for reason in _gateway_reasons(hop.gateway, destination))


def _dead_end_mistakes(route: RouteConfig) -> Iterator[Mistake]:
    for key in ("gateway", "nextHops", "source", "scope", "mtu", "onLink"):
        if getattr(route, key):
            yield Mistake(key, f"has no meaning for a route of type {route.type}", ("type",))


def _rule_mistakes(rule: RuleConfig) -> Iterator[Mistake]:
    yield from value_mistakes(rule)
    parsed: dict[str, IPNetwork] = {}
    for key in ("source", "destination"):
        text = getattr(rule, key)
        network = texts.network(text) if text else None
        if text and network is None:
            yield Mistake(key, f"{text!r} is no network, such as 10.1.0.0/16")
        elif network is not None:
            parsed[key] = network
    if len({network.version for network in parsed.values()}) > 1:
        yield Mistake("destination", "is of another family than source", ("source",))
    if rule.fwmask is not None and rule.fwmark is None:
        yield Mistake("fwmask", "says something of fwmark, which is not given")
    for key in ("iif", "oif"):
        for reason in texts.label_mistakes(getattr(rule, key) or "any", MAX_NAME_BYTES):
            yield Mistake(key, reason)


def _neighbour_mistakes(neighbour: NeighborConfig) -> Iterator[Mistake]:
    yield from value_mistakes(neighbour)
    if neighbour.destination:
        yield from (Mistake("destination", reason) for reason in _gateway_reasons(neighbour.destination, None))
    if neighbour.hardwareAddr and texts.mac(neighbour.hardwareAddr) is None:
        yield Mistake("hardwareAddr", f"{neighbour.hardwareAddr!r} is no MAC address, such as 02:00:5e:10:00:01")


def _gateway_reasons(text: str, destination: IPNetwork | None) -> Iterator[str]:
    yield from _address_reasons(text, destination)
    address = texts.address(text)
    if address is not None and (address.is_multicast or address.is_unspecified or address.is_loopback):
        yield f"{address} is no address of one neighbour"


def _address_reasons(text: str, destination: IPNetwork | None) -> Iterator[str]:
    address = texts.address(text)
    if address is None:
        yield f"{text!r} is no IP address"
    elif destination is not None and address.version != destination.version:
        yield f"{address} and the destination {destination} are of different families"
