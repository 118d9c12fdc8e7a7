"""What a lease means for a device in its pod: one more layer of configuration, and steps of the plan that end with it.

The layer says only what nobody else says: a route, an MTU of the claim's wins. When a lease changes while the pod runs,
the plan is changed in its leased steps alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from agent.domain.claims import Configured
from agent.domain.layers import Layer, Source, lay
from agent.domain.rdma_only import is_rdma_only
from ports.devices import MAIN_TABLE, SCOPE_LINK, Address, Device, Lifetime, LinkFacts, Route
from ports.dhcp import Kept, Lease, LeasedRoute
from ports.leased import LOST, RTPROT_DHCP, is_leased
from ports.netconfig import InterfaceConfig, NetworkConfig, RouteConfig, texts
from ports.plan import AddAddress, AddRoute, DevicePlan, JoinVrf, Plan, RemovePrograms, SetOffloads, SetUp, Step

METRIC = 1024  # of leased routes, plus the interface's index in the host: the pod's own default route comes first


def families(config: NetworkConfig) -> tuple[int, ...]:
    """The address families that are to be leased."""
    wanted = ((4, config.interface.dhcp), (6, config.interface.ipv6.dhcp))
    return tuple(family for family, wish in wanted if wish)


def hardware_address(config: NetworkConfig, facts: LinkFacts) -> str:
    """The one that the interface will have in the pod, which is who the server gives the lease to."""
    return texts.mac(config.interface.hardwareAddr or "") or facts.link.mac


def all_sought(
    devices: tuple[Configured, ...], published: tuple[Device, ...], facts: Mapping[str, LinkFacts]
) -> tuple[Kept, ...]:
    """The leases that the devices' configurations ask for; of a device without an Ethernet interface there are none."""
    pairs = zip(devices, published, strict=True)
    return tuple(kept for device, shown in pairs for kept in _sought(device, shown, facts[shown.name]))


def laid(
    devices: tuple[Configured, ...], facts: Mapping[str, LinkFacts], leases: Mapping[str, tuple[Lease, ...]]
) -> tuple[Configured, ...]:
    """The configurations with what the servers said, by device name, laid under everything else."""
    names = ((each, each.allocated.device) for each in devices)
    return tuple(with_leases(each, facts[name], leases.get(name, ())) for each, name in names)


def with_leases(device: Configured, facts: LinkFacts, leases: tuple[Lease, ...]) -> Configured:
    """The device's configuration with what the servers said laid under everything else."""
    if not leases:
        return device
    below = device.layers or (Layer(source=Source.CLAIM, config=device.config),)
    layers = (*below, Layer(source=Source.LEASE, config=_layer(device.config, facts, leases)))
    laid = lay(layers)
    return replace(device, config=laid.config, provenance=laid.provenance, layers=layers, leases=leases)


def timed(step: Step, leases: Iterable[Lease]) -> Step:
    """The step as it is for a time only, where a lease is what it comes from."""
    for lease in leases:
        if isinstance(step, AddAddress) and _is_of(step.address, lease):
            return replace(step, address=replace(step.address, lifetime=_lifetime(lease)))
        if isinstance(step, AddRoute) and step.route.metric >= METRIC and _told(step.route) in lease.routes:
            return replace(step, route=replace(step.route, protocol=RTPROT_DHCP))
    return step


def renewed(plan: Plan, kept: Kept) -> Plan:
    """The plan with the lease that is kept in the place of the one that was applied."""
    return replace(
        plan, devices=tuple(_renewed(each, kept) if each.device == kept.device else each for each in plan.devices)
    )


def _sought(device: Configured, published: Device, facts: LinkFacts) -> Iterator[Kept]:
    if is_rdma_only(facts) or facts.link.encapsulation != "ether":
        return
    for family in families(device.config):
        mac = hardware_address(device.config, facts)
        yield Kept(device=published.name, identity=published.identity, family=family, mac=mac, lease=None)


def lost(lease: Lease) -> Lease:
    """The lease as one that is over: nothing of it is left but the place of its address in the plan."""
    over = LOST.valid_until
    return replace(
        lease,
        renew_at=over,
        rebind_at=over,
        preferred_until=LOST.preferred_until,
        valid_until=over,
        routes=(),
        dns=(),
        search=(),
    )


def _layer(config: NetworkConfig, facts: LinkFacts, leases: tuple[Lease, ...]) -> NetworkConfig:
    taken = {_key(route.destination) for route in config.routes or ()}
    routes = tuple(
        RouteConfig(
            destination=route.destination,
            gateway=route.gateway,
            scope=None if route.gateway else SCOPE_LINK,
            onLink=_needs_onlink(route, lease) or None,
            metric=METRIC + facts.link.identity.ifindex,
        )
        for lease in leases
        for route in lease.routes
        if _key(route.destination) not in taken
    )
    sizes = [lease.mtu for lease in leases if lease.mtu is not None and _fits(lease.mtu, facts)]
    mtu = min(sizes) if sizes and config.interface.mtu is None else None
    return NetworkConfig(
        interface=InterfaceConfig(addresses=tuple(lease.address for lease in leases), mtu=mtu), routes=routes or None
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
        return _is_of(step.address, kept.applied)
    return isinstance(step, AddRoute) and _told(step.route) in kept.applied.routes


def _addresses(plan: DevicePlan, kept: Kept) -> Iterator[AddAddress]:
    if kept.lease is not None:
        dad = any(isinstance(step, AddAddress) and step.address.dad for step in plan.steps)
        address = Address(prefix=kept.lease.address, lifetime=_lifetime(kept.lease), dad=dad and kept.family == 6)
        yield AddAddress(address=address)


def _leased_routes(plan: DevicePlan, steps: Iterable[Step], kept: Kept) -> Iterator[AddRoute]:
    table = next((step.table for step in plan.steps if isinstance(step, JoinVrf)), MAIN_TABLE)
    taken = {(_key(step.route.destination), step.route.table) for step in _routes_of(steps)}
    for route in kept.lease.routes if kept.lease is not None else ():
        if (_key(route.destination), table) not in taken and kept.lease is not None:
            yield AddRoute(
                route=Route(
                    destination=str(_key(route.destination)),
                    gateway=route.gateway,
                    scope=0 if route.gateway else SCOPE_LINK,
                    table=table,
                    metric=METRIC + plan.before.link.identity.ifindex,
                    protocol=RTPROT_DHCP,
                    onlink=_needs_onlink(route, kept.lease),
                )
            )


def _routes_of(steps: Iterable[Step]) -> list[AddRoute]:
    return [step for step in steps if isinstance(step, AddRoute)]


def _rank(step: AddRoute) -> int:
    """Routes without a next hop first: a gateway must be reachable when the route through it is added."""
    return 0 if step.route.gateway is None and not step.route.hops else 1


def _needs_onlink(route: LeasedRoute, lease: Lease) -> bool:
    """Whether nothing that the server said makes the gateway a neighbour, although it must be one."""
    if route.gateway is None:
        return False
    gateway = ip_address(route.gateway)
    direct = (ip_network(other.destination) for other in lease.routes if other.gateway is None)
    return not any(gateway in network for network in (ip_interface(lease.address).network, *direct))


def _told(route: Route) -> LeasedRoute:
    return LeasedRoute(destination=route.destination, gateway=route.gateway)


def _is_of(address: Address, lease: Lease) -> bool:
    return ip_interface(address.prefix) == ip_interface(lease.address)


def _lifetime(lease: Lease) -> Lifetime:
    return Lifetime(preferred_until=lease.preferred_until, valid_until=lease.valid_until)


def _fits(mtu: int, facts: LinkFacts) -> bool:
    """A server that tells of an MTU which the device does not have is not worth a pod."""
    most = min(facts.link.max_mtu or mtu, mtu if facts.lower_mtu is None else facts.lower_mtu)
    return facts.link.min_mtu <= mtu <= most


def _key(destination: str) -> object:
    return ip_network(destination, strict=False)
