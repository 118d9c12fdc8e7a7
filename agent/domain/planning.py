"""From a claim to a plan: pure, so that it can be printed, compared and tested without a kernel.

What the claim asks for and what the host knows of the devices become, device by device, an ordered list of typed steps.
Everything that can be known to fail is found here, all of it at once, while the user still gets an error that names it;
in the pod's start there is no time for that.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping

from agent.domain.claims import Configured
from agent.domain.routing import addresses_for, route_mistakes, routes_for
from ports.devices import LinkFacts
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig, name_mistakes
from ports.plan import (
    AddAddress,
    AddRoute,
    ClaimRef,
    DevicePlan,
    Move,
    Plan,
    PodRef,
    Release,
    Rename,
    SetMac,
    SetMtu,
    SetUp,
    Step,
)

MAX_MTU = 65536  # of the loopback, the largest there is; for devices that tell no limit
MIN_IPV6_MTU = 1280  # RFC 8200; below it the kernel takes IPv6 off the interface
TEMPORARY_PREFIX = "knd"
Facts = Mapping[str, LinkFacts]


def plan(
    claim: ClaimRef,
    pod: PodRef,
    devices: tuple[Configured, ...],
    facts: Facts,
    taken: Mapping[str, str] | None = None,
    traceparent: str = "",
) -> Plan:
    """The plan for one claim, or INVALID with every mistake.

    ``facts`` holds the host's view of each device, by device name. ``taken`` holds interface names that other claims of
    this pod use already, each with its owner.
    """
    mistakes = [
        f"device {device.allocated.device}: {mistake}"
        for device in devices
        for mistake in _device_mistakes(device, devices, facts)
    ]
    mistakes += _name_collisions(devices, facts, taken or {})
    if mistakes:
        raise Failure(Code.INVALID, str(claim), "; ".join(dict.fromkeys(mistakes)))
    plans = tuple(_device_plan(claim, device, facts[device.allocated.device]) for device in devices)
    return Plan(claim=claim, pod=pod, devices=plans, traceparent=traceparent)


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
        before=facts,
        steps=tuple(_steps(claim, device, facts)),
        share_id=allocated.share_id,
    )


def _steps(claim: ClaimRef, device: Configured, facts: LinkFacts) -> Iterator[Step]:
    config, link = device.config, facts.link
    yield Release()
    yield Move(temporary_name=temporary_name(claim.uid, device.allocated.device))
    if config.interface.mtu not in (None, link.mtu):
        yield SetMtu(mtu=config.interface.mtu, before=link.mtu)
    mac = _mac(config)
    if mac and mac != link.mac.lower():
        yield SetMac(mac=mac, before=link.mac)
    yield Rename(name=pod_name(config, facts))
    yield from (AddAddress(address=address) for address in addresses_for(config, facts))
    yield SetUp()
    yield from (AddRoute(route=route) for route in routes_for(config, facts))


def _device_mistakes(device: Configured, devices: tuple[Configured, ...], facts: Facts) -> Iterator[str]:
    config, mine = device.config, facts[device.allocated.device]
    yield from _link_mistakes(mine)
    if config.interface.name is None:
        yield from (f"{mistake}; set interface.name" for mistake in name_mistakes(mine.link.name))
    yield from _mtu_mistakes(config, mine)
    yield from _mac_mistakes(config)
    yield from _address_mistakes(config)
    everywhere = [
        address for other in devices for address in addresses_for(other.config, facts[other.allocated.device])
    ]
    yield from route_mistakes(config, mine, frozenset(_host(address.prefix) for address in everywhere))


def _link_mistakes(facts: LinkFacts) -> Iterator[str]:
    if facts.link.loopback:
        yield "is a loopback interface"
    if facts.link.master is not None:
        yield f"{facts.link.name} is a port of the host's interface #{facts.link.master}; take it out of there first"


def _mtu_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[str]:
    mtu, link = config.interface.mtu, facts.link
    if mtu is None:
        return
    if link.min_mtu and mtu < link.min_mtu:
        yield f"interface.mtu: {mtu} is below {link.min_mtu}, the least this device can do"
    most = link.max_mtu or MAX_MTU
    if mtu > most:
        yield f"interface.mtu: {mtu} is above {most}, the most this device can do"
    if mtu < MIN_IPV6_MTU and any(":" in address.prefix for address in addresses_for(config, facts)):
        yield f"interface.mtu: {mtu} is below {MIN_IPV6_MTU}, the least for the IPv6 addresses of this interface"


def _mac_mistakes(config: NetworkConfig) -> Iterator[str]:
    mac = _mac(config)
    if mac and int(mac[:2], 16) & 1:
        yield f"interface.hardwareAddr: {mac} is a multicast address"
    if mac == "00:00:00:00:00:00":
        yield f"interface.hardwareAddr: {mac} is no address"


def _address_mistakes(config: NetworkConfig) -> Iterator[str]:
    for index, prefix in enumerate(config.interface.addresses or ()):
        address = ipaddress.ip_interface(prefix).ip
        if address.is_multicast or address.is_unspecified or address.is_loopback:
            yield f"interface.addresses[{index}]: {address} is no address that an interface can have"


def _mac(config: NetworkConfig) -> str:
    return (config.interface.hardwareAddr or "").lower().replace("-", ":")


def _name_collisions(devices: tuple[Configured, ...], facts: Facts, taken: Mapping[str, str]) -> Iterator[str]:
    names = [pod_name(device.config, facts[device.allocated.device]) for device in devices]
    for name, count in Counter(names).items():
        if count > 1:
            owners = [device.allocated.device for device, own in zip(devices, names, strict=True) if own == name]
            yield f"the devices {', '.join(owners)} would all be called {name} in the pod; set interface.name per request"
        if name in taken:
            yield f"another claim of this pod ({taken[name]}) has an interface {name} already; set interface.name"


def _host(prefix: str) -> str:
    return str(ipaddress.ip_interface(prefix).ip)
