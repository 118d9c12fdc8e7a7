"""A plan brought up to date with the host at the moment its device leaves.

Between prepare and attach minutes can pass, and a person may give the interface another address or MTU meanwhile. What
the host gets back is what it had when the device was taken, so the plan's ``before`` is read once more, and with it what
the steps remember. What the pod gets stays as it was planned.
"""

from __future__ import annotations

from dataclasses import fields, replace

from dataplane import policy
from dataplane.differences import changed
from dataplane.facts import facts_of, host_facts, settled
from dataplane.steps import Site, bring_home
from ports.devices import LinkFacts, Offloads, Switch, Tuning
from ports.errors import Failure
from ports.ledger import PodRecord
from ports.plan import DevicePlan, Plan, SetMac, SetMtu, SetOffloads, Step, Tune


def refreshed(record: PodRecord, sites: tuple[Site, ...]) -> PodRecord:
    """The record with all its plans as of now; Failure when a device must not leave after all."""
    fresh = {id(site.plan): _device(site) for site in sites}
    plans = (replace(plan, devices=tuple(fresh[id(device)] for device in plan.devices)) for plan in record.plans)
    return replace(record, plans=tuple(plans))


def rebased(plan: DevicePlan, now: LinkFacts) -> DevicePlan:
    """The same plan from another beginning."""
    return replace(plan, before=now, steps=tuple(_step(step, now) for step in plan.steps))


def alike(one: Plan, other: Plan) -> bool:
    """Whether both ask for the same, whatever the host was like when they were made and whoever traces them."""
    if len(one.devices) != len(other.devices):
        return False
    pairs = zip(one.devices, other.devices, strict=True)
    devices = tuple(rebased(mine, theirs.before) for mine, theirs in pairs)
    return replace(one, devices=devices, traceparent=other.traceparent) == other


def _device(site: Site) -> DevicePlan:
    plan, now = site.plan, _now(site)
    policy.check_departing(plan, now, _why_needed(site, now), site.machine.exclusions.denies(now))
    return rebased(plan, now) if changed(plan.before, now) or _unplanned(plan.before) != _unplanned(now) else plan


def _unplanned(facts: LinkFacts) -> tuple[object, ...]:
    """What no plan is made of, but the host gets back."""
    return facts.offloads.settings, facts.expiries


def _why_needed(site: Site, now: LinkFacts) -> str:
    """Why the node needs the device now: asked cheaply, and thoroughly only where a default route makes it doubtful."""
    kernel, index = site.machine.kernel, now.link.identity.ifindex
    if site.plan.rdma_only:
        return ""
    return kernel.why_needed(index) or (kernel.uplinks().get(index, "") if policy.has_default(now) else "")


def _now(site: Site) -> LinkFacts:
    if site.plan.rdma_only:
        return host_facts(site.machine, site.plan.before.link.identity)
    try:
        link = site.departing()
    except Failure:
        if not bring_home(site):
            raise
        link = site.departing()
    now = settled(facts_of(site.machine, site.host, link.identity.ifindex))
    return replace(now, function=site.plan.before.function)  # asked for at prepare: it takes too long here


def _step(step: Step, now: LinkFacts) -> Step:
    match step:
        case SetMtu():
            return replace(step, before=now.link.mtu)
        case SetMac():
            return replace(step, before=now.link.mac)
        case Tune():
            return replace(step, before=_tuning(step.tuning, now.tuning))
        case SetOffloads():
            return replace(step, before=_offloads(step.offloads, now.offloads))
        case _:
            return step


def _tuning(wish: Tuning, now: Tuning) -> Tuning:
    return Tuning(**{f.name: getattr(now, f.name) for f in fields(Tuning) if getattr(wish, f.name) is not None})


def _offloads(wish: Offloads, now: Offloads) -> Offloads:
    return Offloads(features=_named(wish.features, now.features), flags=_named(wish.flags, now.flags))


def _named(wish: tuple[Switch, ...], now: tuple[Switch, ...]) -> tuple[Switch, ...]:
    names = {switch.name for switch in wish}
    return tuple(switch for switch in now if switch.name in names)
