"""Giving the host its interface back exactly as it was, from whatever state it is found in.

It compares first and writes only where something differs, so that it may run again and again, and does nothing at all
to an interface that was never touched. One thing that is refused keeps nothing else from being put back; what counts is
the look at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from dataplane.addresses import add_addresses, in_time
from dataplane.defects import as_failure
from dataplane.differences import foreign, lacking, link_differences, to_put, to_switch, to_tune
from dataplane.facts import home_facts
from dataplane.functions import owed, tell, to_give_back
from dataplane.locate import temporary_name
from ports.controls import Machine
from ports.devices import LinkFacts, Offloads, Program, Route, Sysctl, Tuning
from ports.errors import Code, Failure
from ports.plan import DevicePlan
from ports.queueing import Queueing

Act = Callable[[], object]
IPV6_SWITCH = "ipv6/disable_ipv6"  # the other IPv6 settings are refused while it says no


def restore(machine: Machine, index: int, plan: DevicePlan) -> None:
    """Everything of ``plan.before``. KERNEL names what could not be put back; what the host added meanwhile stays."""
    now = home_facts(machine, index)
    before = owed(plan.before, now)
    if lacking(before, now):
        refusals = _put_back(machine, index, before, now)
        ended = _attach_programs(machine, index, before, now)
        last = home_facts(machine, index)
        before = in_time(owed(before, last, refused=bool(refusals)), last)
        _verify(last, replace(before, programs=foreign(before.programs, ended)), refusals)
    tell(plan.before, now)
    machine.programs.release(temporary_name(plan))


def _put_back(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> tuple[Failure, ...]:
    """What was refused. A virtual function's address is tried once more: refused for good it is the administrator's."""
    refusals = _carry_out(_acts(machine, index, before, now))
    if before.function is None or not refusals:
        return refusals
    again = home_facts(machine, index)
    return _carry_out(_acts(machine, index, before, again)) if again.link.mac != before.link.mac else refusals


def _carry_out(acts: Iterator[Act]) -> tuple[Failure, ...]:
    refusals: list[Failure] = []
    for act in acts:
        try:
            act()
        except Exception as error:
            failure = as_failure(error, "the interface")
            if failure.code is Code.DEADLINE:  # a kernel that hangs would hang at every one of them
                raise
            refusals.append(failure)
    return tuple(refusals)


def _acts(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> Iterator[Act]:
    yield from _scrub(machine, index, before, now)
    yield from _link(machine, index, before, now)
    yield from _settings(machine, index, before, now)
    yield from _addressing(machine, index, before)
    if functions := to_give_back(before, now):
        yield partial(machine.kernel.host.set_functions, index, functions)
    if (queueing := to_put(before.queueing, now.queueing)) != Queueing():
        yield partial(machine.kernel.host.set_queueing, index, queueing)


def _attach_programs(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> tuple[Program, ...]:
    """Those that exist no more: their owner ended them, or an earlier process of ours held them. No reason to fail."""
    if not foreign(before.programs, now.programs):
        return ()
    return machine.programs.attach(machine.kernel.host, index, before.programs)


def _scrub(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> Iterator[Act]:
    """What a pod can have left on the interface itself."""
    host = machine.kernel.host
    if foreign(now.programs, before.programs):
        yield partial(machine.programs.detach, host, index, before.programs)
    for name in now.alternative_names:
        if name not in before.alternative_names:
            yield partial(host.remove_alternative_name, index, name)
    if now.alias != before.alias:
        yield partial(host.set_alias, index, before.alias)
    if now.group != before.group:
        yield partial(host.set_group, index, before.group)


def _link(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> Iterator[Act]:
    host, differences = machine.kernel.host, link_differences(now.link, before.link)
    if now.link.up and {"name", "mac"} & set(differences):  # names and many MACs can be changed only while down
        yield partial(host.set_up, index, False)
    if "mac" in differences:
        yield partial(host.set_mac, index, before.link.mac)
    if "flags" in differences:
        yield partial(host.set_flags, index, before.link.flags)
    if "mtu" in differences:
        yield partial(host.set_mtu, index, before.link.mtu)
    if (tuning := to_tune(before.tuning, now.tuning)) != Tuning():
        yield partial(host.set_tuning, index, tuning)
    if "name" in differences:
        yield partial(host.rename, index, before.link.name)
    for name in before.alternative_names:
        yield partial(host.add_alternative_name, index, name)


def _settings(machine: Machine, index: int, before: LinkFacts, now: LinkFacts) -> Iterator[Act]:
    host = machine.kernel.host
    offloads = to_switch(before.offloads, now.offloads)
    for part in (replace(offloads, settings=()), Offloads(settings=offloads.settings)):
        if part != Offloads():
            yield partial(machine.offloads.write, host, index, part)
    differing = (sysctl for sysctl in before.sysctls if sysctl not in now.sysctls)
    for sysctl in sorted(differing, key=_switch_first):
        yield partial(host.set_sysctl, index, sysctl)


def _addressing(machine: Machine, index: int, before: LinkFacts) -> Iterator[Act]:
    host = machine.kernel.host
    yield partial(add_addresses, host, index, before)
    yield partial(host.set_up, index, before.link.up)
    if before.link.up:
        for route in sorted(before.routes, key=_needs_others):
            yield partial(host.add_route, index, route)
    for rule in before.rules:
        yield partial(host.add_rule, rule)
    for neighbour in before.neighbours:
        yield partial(host.add_neighbour, index, neighbour)


def _needs_others(route: Route) -> bool:
    """A gateway is reached by a route to its link, which has to be there first."""
    return route.gateway is not None or bool(route.hops)


def _switch_first(sysctl: Sysctl) -> bool:
    return sysctl.name != IPV6_SWITCH


def _verify(now: LinkFacts, before: LinkFacts, refusals: tuple[Failure, ...]) -> None:
    wrong = lacking(before, now)
    if not wrong:
        return
    words = (f"is back in the host with another {', '.join(wrong)} than before", *dict.fromkeys(map(str, refusals)))
    raise Failure(Code.KERNEL, f"interface {before.link.name}", "; ".join(words), "look at it with ip -d address show")
