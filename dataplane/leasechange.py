"""What has to be done to one device in a pod when its leases change: pure, from the two plans alone."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from ports.devices import Address, Route
from ports.leased import LOST, is_leased
from ports.plan import AddAddress, AddRoute, DevicePlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is done, in this order.

    An address is removed before others come: a later one of its network would go with it. When addresses come or go,
    all routes follow, because the kernel drops those that needed the old ones, those of the claim too.
    """

    gone_routes: tuple[Route, ...] = ()
    gone_addresses: tuple[Address, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()


def change(old: DevicePlan, new: DevicePlan) -> Change:
    """The way from one plan to another one that differs in leases only."""
    had, wanted = _addresses(old), _addresses(new)
    left, stay = {address.prefix for address in had}, {address.prefix for address in wanted}
    gone = {ip_interface(address.prefix).ip for address in had if address.prefix not in stay}
    routes = tuple(r for r in _routes(new) if works(r, new) and (r.source is None or ip_address(r.source) not in gone))
    return Change(
        gone_routes=tuple(route for route in _routes(old) if route not in _routes(new)),
        gone_addresses=tuple(address for address in had if address.prefix not in stay),
        addresses=tuple(address for address in wanted if address not in had),
        routes=routes if left != stay else tuple(route for route in routes if route not in _routes(old)),
    )


def works(route: Route, plan: DevicePlan) -> bool:
    """Whether the kernel could take the route with the plan's addresses.

    A route of the claim through a network that was leased has to wait until that is leased again.
    """
    there = (step.address for step in plan.steps if isinstance(step, AddAddress) and step.address.lifetime != LOST)
    own = [ip_interface(address.prefix).network for address in there]
    direct = [ip_network(each.destination) for each in _routes(plan) if each.gateway is None and not each.hops]
    networks = (*own, *direct)
    gateways = [] if route.onlink or route.gateway is None else [route.gateway]
    gateways += [hop.gateway for hop in route.hops if not hop.onlink]
    return all(_is_near(gateway, networks) for gateway in gateways)


def _is_near(gateway: str, networks: tuple[object, ...]) -> bool:
    address = ip_address(gateway)
    if address.version == 6 and address.is_link_local:
        return True
    return any(address in network for network in networks)  # type: ignore[operator]


def _addresses(plan: DevicePlan) -> tuple[Address, ...]:
    """Those that are leased now."""
    leased = (step.address for step in plan.steps if isinstance(step, AddAddress) and is_leased(step))
    return tuple(address for address in leased if address.lifetime != LOST)


def _routes(plan: DevicePlan) -> tuple[Route, ...]:
    return tuple(step.route for step in plan.steps if isinstance(step, AddRoute))
