"""From a claim to a plan: pure, so that it can be printed, compared and tested without a kernel.

What the claim asks for and what the host knows of the devices become, device by device, an ordered list of typed steps.
Everything that can be known to fail is found here, all of it at once, while the user still gets an error that names it;
in the pod's start there is no time for that.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.domain import rdma_limits, rdma_only
from agent.domain.claims import Configured
from agent.domain.leasing import timed
from agent.domain.neighbourhood import collisions
from agent.domain.obstacles import obstacles
from agent.domain.routing import addresses_for, addressing, vrf_table
from agent.domain.settings import before, offloads, offloads_before, sysctls, tuning
from ports.devices import LinkFacts, Offloads, Tuning
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig, texts
from ports.plan import (
    AddAddress,
    AddAlternativeName,
    AddNeighbour,
    AddRoute,
    AddRule,
    Announce,
    ClaimRef,
    DevicePlan,
    JoinVrf,
    Move,
    Plan,
    PodRef,
    Release,
    RemovePrograms,
    Rename,
    SetMac,
    SetMtu,
    SetOffloads,
    SetSysctl,
    SetUp,
    Step,
    Tune,
)

MAX_STEPS = 512  # of one device; the dataplane takes no more
TEMPORARY_PREFIX = "knd"
Facts = Mapping[str, LinkFacts]


def plan(
    claim: ClaimRef,
    pod: PodRef,
    devices: tuple[Configured, ...],
    facts: Facts,
    others: tuple[Plan, ...] = (),
    traceparent: str = "",
) -> Plan:
    """The plan for one claim, or INVALID with every mistake.

    ``facts`` holds the host's view of each device, by device name. ``others`` are the plans of the pod's other claims.
    """
    plans = tuple(_device_plan(claim, each, facts[each.allocated.device]) for each in devices)
    mistakes = (*_mistakes(devices, facts), *_too_long(plans), *collisions(plans, others))
    if mistakes:
        raise Failure(Code.INVALID, str(claim), "; ".join(dict.fromkeys(mistakes)))
    return Plan(claim=claim, pod=pod, devices=plans, traceparent=traceparent)


def left_behind(devices: tuple[Configured, ...], facts: Facts) -> tuple[str, ...]:
    """What of the host's configuration does not go along although it was to, and why; for the log.

    And what the host has on the interface that is lost when it leaves, because nobody can build it again.
    """
    return tuple(
        f"device {device.allocated.device}: {note}"
        for device in devices
        for note in (
            *addressing(device.config, facts[device.allocated.device]).notes,
            *(
                f"the host loses its {words}: it cannot be given back"
                for words in facts[device.allocated.device].unkept
            ),
        )
    )


def temporary_name(claim_uid: str, device: str) -> str:
    """A name for the time between two namespaces: unique on the node, 15 bytes, the same whenever asked."""
    digest = hashlib.sha256(f"{claim_uid}/{device}".encode()).hexdigest()
    return TEMPORARY_PREFIX + digest[:12]


def pod_name(config: NetworkConfig, facts: LinkFacts) -> str:
    """The interface's name in the pod: the configured one, else the host's."""
    return config.interface.name or facts.link.name


def _device_plan(claim: ClaimRef, device: Configured, facts: LinkFacts) -> DevicePlan:
    allocated = device.allocated
    return DevicePlan(
        request=allocated.request,
        pool=allocated.pool,
        device=allocated.device,
        before=replace(facts, offloads=replace(facts.offloads, fixed=())),
        steps=tuple(timed(step, device.leases) for step in _steps(claim, device, facts)),
        share_id=allocated.share_id,
        rdma_limits=rdma_limits.wanted(device.config),
    )


def _steps(claim: ClaimRef, device: Configured, facts: LinkFacts) -> Iterator[Step]:
    if rdma_only.is_rdma_only(facts):
        yield from rdma_only.moves(facts)
        return
    config = device.config
    made = addressing(config, facts)
    yield Release()
    yield Move(temporary_name=temporary_name(claim.uid, device.allocated.device))
    yield from _link_steps(config, facts)
    yield Rename(name=pod_name(config, facts))
    yield from (AddAlternativeName(name=name) for name in config.interface.alternativeNames or ())
    yield from (SetSysctl(sysctl=sysctl) for sysctl in sysctls(config, facts))
    yield from _vrf_steps(config)
    yield from (AddAddress(address=address) for address in made.addresses)
    yield from _offload_steps(config, facts)
    if config.interface.disableEbpfPrograms:
        yield RemovePrograms()
    yield SetUp()
    yield from (AddRoute(route=route) for route in made.routes)
    yield from (AddRule(rule=rule) for rule in made.rules)
    yield from (AddNeighbour(neighbour=neighbour) for neighbour in made.neighbours)
    yield from rdma_only.moves(facts)
    if made.addresses:
        yield Announce()


def _link_steps(config: NetworkConfig, facts: LinkFacts) -> Iterator[Step]:
    interface, link = config.interface, facts.link
    if interface.mtu not in (None, link.mtu):
        yield SetMtu(mtu=interface.mtu, before=link.mtu)
    mac = texts.mac(interface.hardwareAddr or "")
    if mac and mac != link.mac.lower():
        yield SetMac(mac=mac, before=link.mac)
    wish = tuning(config, facts)
    if wish != Tuning():
        yield Tune(tuning=wish, before=before(wish, facts.tuning))


def _vrf_steps(config: NetworkConfig) -> Iterator[Step]:
    vrf, table = config.interface.vrf, vrf_table(config)
    if vrf is not None and table is not None:
        yield JoinVrf(name=vrf.name, table=table)


def _offload_steps(config: NetworkConfig, facts: LinkFacts) -> Iterator[Step]:
    wish = offloads(config, facts)
    if wish != Offloads():
        yield SetOffloads(offloads=wish, before=offloads_before(wish, facts.offloads))


def _too_long(plans: tuple[DevicePlan, ...]) -> Iterator[str]:
    for made in plans:
        if len(made.steps) > MAX_STEPS:
            yield f"device {made.device}: {len(made.steps)} steps, more than {MAX_STEPS}"


def _mistakes(devices: tuple[Configured, ...], facts: Facts) -> Iterator[str]:
    earlier: frozenset[str] = frozenset()
    for device in devices:
        mine = facts[device.allocated.device]
        alone = rdma_only.is_rdma_only(mine)
        for mistake in rdma_only.refusals(device.config) if alone else obstacles(device.config, mine, earlier):
            yield f"device {device.allocated.device}: {device.provenance.explain(mistake)}"
        addresses = addresses_for(device.config, mine)
        earlier |= {str(ipaddress.ip_interface(address.prefix).ip) for address in addresses}
