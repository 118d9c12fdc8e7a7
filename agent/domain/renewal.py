"""A plan whose lease has changed: the same plan in all but its leased steps, with the new ones in their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.domain.leasing import METRIC, destination_of, is_of, lifetime, needs_onlink, told
from ports.devices import MAIN_TABLE, SCOPE_LINK, Address, Route
from ports.dhcp import Kept
from ports.leased import RTPROT_DHCP, is_leased
from ports.plan import AddAddress, AddRoute, DevicePlan, JoinVrf, Plan, RemovePrograms, SetOffloads, SetUp, Step


def renewed(plan: Plan, kept: Kept) -> Plan:
    """The plan with the lease that is kept in the place of the one that was applied."""
    return replace(
        plan, devices=tuple(_renewed(each, kept) if each.device == kept.device else each for each in plan.devices)
    )


def _renewed(plan: DevicePlan, kept: Kept) -> DevicePlan:
    """The new address stands where the old one did; among the routes, those that make a gateway reachable come first."""
    steps = [step for step in plan.steps if not _comes_from(step, kept)]
    before = [step for step in plan.steps[: _place(plan, kept)] if not _comes_from(step, kept)]
    steps[len(before) : len(before)] = _addresses(plan, kept)
    routes = sorted((*_routes_of(steps), *_leased_routes(plan, steps, kept)), key=_rank)
    others = [step for step in steps if not isinstance(step, AddRoute)]
    first = next(index for index, step in enumerate(others) if isinstance(step, SetUp)) + 1
    return replace(plan, steps=(*others[:first], *routes, *others[first:]))


def _place(plan: DevicePlan, kept: Kept) -> int:
    """Of the address that goes, else behind all that are there."""
    ends = (index for index, step in enumerate(plan.steps) if isinstance(step, SetOffloads | RemovePrograms | SetUp))
    goes = (index for index, step in enumerate(plan.steps) if isinstance(step, AddAddress) and _comes_from(step, kept))
    return next(goes, next(ends, len(plan.steps)))


def _comes_from(step: Step, kept: Kept) -> bool:
    """Whether the applied lease is what the step comes from."""
    if kept.applied is None or not is_leased(step):
        return False
    if isinstance(step, AddAddress):
        return is_of(step.address, kept.applied)
    return isinstance(step, AddRoute) and told(step.route) in kept.applied.routes


def _addresses(plan: DevicePlan, kept: Kept) -> Iterator[AddAddress]:
    if kept.lease is not None:
        dad = any(isinstance(step, AddAddress) and step.address.dad for step in plan.steps)
        address = Address(prefix=kept.lease.address, lifetime=lifetime(kept.lease), dad=dad and kept.family == 6)
        yield AddAddress(address=address)


def _leased_routes(plan: DevicePlan, steps: Iterable[Step], kept: Kept) -> Iterator[AddRoute]:
    table = next((step.table for step in plan.steps if isinstance(step, JoinVrf)), MAIN_TABLE)
    taken = {(destination_of(step.route.destination), step.route.table) for step in _routes_of(steps)}
    for route in kept.lease.routes if kept.lease is not None else ():
        if (destination_of(route.destination), table) not in taken and kept.lease is not None:
            yield AddRoute(
                route=Route(
                    destination=str(destination_of(route.destination)),
                    gateway=route.gateway,
                    scope=0 if route.gateway else SCOPE_LINK,
                    table=table,
                    metric=METRIC + plan.before.link.identity.ifindex,
                    protocol=RTPROT_DHCP,
                    onlink=needs_onlink(route, kept.lease),
                )
            )


def _routes_of(steps: Iterable[Step]) -> list[AddRoute]:
    return [step for step in steps if isinstance(step, AddRoute)]


def _rank(step: AddRoute) -> int:
    """Routes without a next hop first: a gateway must be reachable when the route through it is added."""
    return 0 if step.route.gateway is None and not step.route.hops else 1
