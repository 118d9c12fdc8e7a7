"""Plans for tests, put together from what the host says of its devices, as the planning does it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_interface

from ports.devices import Address, Lifetime, LinkFacts, Route
from ports.leased import RTPROT_DHCP
from ports.plan import (
    AddAddress,
    AddRoute,
    Announce,
    ClaimRef,
    DevicePlan,
    Move,
    Plan,
    PodRef,
    Release,
    Rename,
    SetMtu,
    SetUp,
    Step,
)

TRACEPARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def claim_ref(name: str = "nics", uid: str = "") -> ClaimRef:
    """A claim; its UID follows from its name unless given."""
    return ClaimRef(namespace="apps", name=name, uid=uid or f"c1a10000-0000-4000-8000-{_digits(name)}")


def pod_ref(name: str = "web", uid: str = "") -> PodRef:
    """A pod; its UID follows from its name unless given."""
    return PodRef(namespace="apps", name=name, uid=uid or f"90d00000-0000-4000-8000-{_digits(name)}")


def device_plan(facts: LinkFacts, name: str = "net1", mtu: int | None = None) -> DevicePlan:
    """The whole interface into the pod under ``name``, its addresses and routes taken along."""
    return DevicePlan(
        request="nic",
        pool="node1",
        device=facts.link.name,
        before=facts,
        steps=tuple(_steps(facts, name, mtu)),
    )


def plan(
    *facts: LinkFacts,
    claim: ClaimRef | None = None,
    pod: PodRef | None = None,
    mtu: int | None = None,
    names: tuple[str, ...] = ("net1", "net2", "net3"),
    traceparent: str = TRACEPARENT,
) -> Plan:
    """One claim of one pod with these devices, called ``names`` in the pod."""
    devices = tuple(device_plan(each, name, mtu) for each, name in zip(facts, names, strict=False))
    return Plan(claim=claim or claim_ref(), pod=pod or pod_ref(), devices=devices, traceparent=traceparent)


def _steps(facts: LinkFacts, name: str, mtu: int | None) -> Iterable[Step]:
    yield Release()
    yield Move(temporary_name=f"knd{facts.link.identity.ifindex}")
    if mtu is not None:
        yield SetMtu(mtu=mtu, before=facts.link.mtu)
    yield Rename(name=name)
    yield from (AddAddress(address=Address(prefix=each.prefix, scope=each.scope)) for each in facts.addresses)
    yield SetUp()
    yield from (AddRoute(route=Route(destination=each.destination, gateway=each.gateway)) for each in facts.routes)


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def leased_device(facts: LinkFacts, address: str, until: float, name: str = "net1") -> DevicePlan:
    """The interface with an address of a lease, a default route of it, and a route of the claim's own through it."""
    metric = 1024 + facts.link.identity.ifindex
    gateway = str(ip_interface(address).network.broadcast_address - 1)
    lifetime = Lifetime(preferred_until=until - 1, valid_until=until)
    steps = (
        Release(),
        Move(temporary_name=f"knd{facts.link.identity.ifindex}"),
        Rename(name=name),
        AddAddress(address=Address(prefix=address, lifetime=lifetime)),
        SetUp(),
        AddRoute(route=Route(destination="0.0.0.0/0", gateway=gateway, metric=metric, protocol=RTPROT_DHCP)),
        AddRoute(route=Route(destination="10.77.0.0/16", gateway="10.9.0.1", metric=metric, onlink=True)),
        Announce(),
    )
    return DevicePlan(request="nic", pool="node1", device=facts.link.name, before=facts, steps=steps)


def leased_plan(*devices: DevicePlan, claim: ClaimRef | None = None, pod: PodRef | None = None) -> Plan:
    """One claim of one pod with these devices."""
    return Plan(claim=claim or claim_ref(), pod=pod or pod_ref(), devices=devices, traceparent=TRACEPARENT)
