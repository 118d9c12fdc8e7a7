"""What a lease means for a device in its pod: one more layer of configuration, and steps of the plan that end with it.

The layer says only what nobody else says: a route, an MTU of the claim's wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from agent.domain.claims import Configured
from agent.domain.layers import Layer, Source, lay
from agent.domain.rdma_only import is_rdma_only
from agent.domain.routing import vrf_table
from ports.devices import MAIN_TABLE, SCOPE_LINK, Address, Device, Lifetime, LinkFacts, Route
from ports.dhcp import Kept, Lease, LeasedRoute
from ports.leased import LOST, RTPROT_DHCP
from ports.netconfig import MIN_IPV6_MTU, MIN_MTU, InterfaceConfig, NetworkConfig, RouteConfig, texts
from ports.plan import AddAddress, AddRoute, Step

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
        if isinstance(step, AddAddress) and is_of(step.address, lease):
            return replace(step, address=replace(step.address, lifetime=lifetime(lease)))
        if isinstance(step, AddRoute) and step.route.metric >= METRIC and told(step.route) in lease.routes:
            return replace(step, route=replace(step.route, protocol=RTPROT_DHCP))
    return step


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
    tables = (None, 0, MAIN_TABLE, vrf_table(config))  # a route of another table says nothing of where a lease's are
    taken = {destination_of(route.destination) for route in config.routes or () if route.table in tables}
    routes = tuple(
        RouteConfig(
            destination=route.destination,
            gateway=route.gateway,
            scope=None if route.gateway else SCOPE_LINK,
            onLink=needs_onlink(route, lease) or None,
            metric=METRIC + facts.link.identity.ifindex,
        )
        for lease in leases
        for route in lease.routes
        if destination_of(route.destination) not in taken
    )
    least = MIN_IPV6_MTU if any(lease.family == 6 for lease in leases) else MIN_MTU
    sizes = [lease.mtu for lease in leases if lease.mtu is not None and _fits(lease.mtu, least, facts)]
    mtu = min(sizes) if sizes and config.interface.mtu is None else None
    return NetworkConfig(
        interface=InterfaceConfig(addresses=tuple(lease.address for lease in leases), mtu=mtu), routes=routes or None
    )


def needs_onlink(route: LeasedRoute, lease: Lease) -> bool:
    """Whether nothing that the server said makes the gateway a neighbour, although it must be one."""
    if route.gateway is None:
        return False
    gateway = ip_address(route.gateway)
    direct = (ip_network(other.destination) for other in lease.routes if other.gateway is None)
    return not any(gateway in network for network in (ip_interface(lease.address).network, *direct))


def told(route: Route) -> LeasedRoute:
    """The route as a server tells of it."""
    return LeasedRoute(destination=route.destination, gateway=route.gateway)


def is_of(address: Address, lease: Lease) -> bool:
    """Whether the address is the one that was leased."""
    return ip_interface(address.prefix) == ip_interface(lease.address)


def lifetime(lease: Lease) -> Lifetime:
    """Until when its address may be used."""
    return Lifetime(preferred_until=lease.preferred_until, valid_until=lease.valid_until)


def _fits(mtu: int, least: int, facts: LinkFacts) -> bool:
    """A server that tells of an MTU which the device does not have is not worth a pod."""
    most = min(facts.link.max_mtu or mtu, mtu if facts.lower_mtu is None else facts.lower_mtu)
    return max(least, facts.link.min_mtu) <= mtu <= most


def destination_of(destination: str) -> object:
    """The network, in a form that compares."""
    return ip_network(destination, strict=False)
