"""What a claim can say about one device: DRANET's schema with its keys unchanged, and ours beside them.

Every field is None while nobody sets it, which is distinct from false, 0 and an empty list. What a field means, its
limits and an example stand with it, so that decoding, the JSON Schema and the reference page cannot say different things.
"""

# ruff: noqa: N815 - the keys of the schema are DRANET's

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ports.schemas.about import about, key
from ports.sysctls import SETTABLE

MIN_MTU = 68  # RFC 791
MIN_IPV6_MTU = 1280  # RFC 8200; below it the kernel takes IPv6 off the interface
MAX_QUEUE = 1 << 20
MAX_GSO_SIZE = 524280  # GSO_MAX_SIZE and GRO_MAX_SIZE, linux/netdevice.h
U32 = 0xFFFFFFFF
MAX_RDMA = 0x7FFFFFFF  # S32_MAX, which is "max" to the rdma controller (kernel/cgroup/rdma.c)
MAX_PRIORITY = 32767  # the kernel's last rule
MAX_HOPS = 64  # of one multipath route
ARP_IGNORE = (0, 1, 2, 3, 8)
ROUTE_TYPES = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}  # linux/rtnetlink.h


@dataclass(frozen=True, kw_only=True, slots=True)
class VrfConfig:
    """A VRF in the pod that the interface becomes a port of."""

    name: str = key(
        "Name of the VRF interface; made if the pod has none of that name.", "blue", default="", required=True
    )
    table: int | None = key("Routing table of the VRF.", 1541, "1000 to 1999, by the name", least=1, most=U32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ipv6Config:
    """How IPv6 configures itself on the interface."""

    dad: bool | None = key(
        "Duplicate address detection: addresses are usable only after about a second.", True, "false: usable at once"
    )
    acceptRa: int | None = key(
        "Take addresses and routes from router advertisements: 0 never, 1 unless forwarding, 2 always.",
        1,
        "as on the host where the host's addresses go along, 1 with `dhcp`, else 0",
        choices=(0, 1, 2),
    )
    dhcp: bool | None = key(
        "Lease an IPv6 address by DHCPv6; routes come with router advertisements. Not together with IPv6 `addresses`.",
        True,
        "false",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class InterfaceConfig:
    """The interface in the pod."""

    name: str | None = key("Name in the pod, at most 15 bytes; empty: the host's.", "net1", "the host's name")
    alternativeNames: tuple[str, ...] | None = key(
        "Further names that the interface is found by, at most 127 bytes each.", ["fast-net"], "none"
    )
    addresses: tuple[str, ...] | None = key(
        "IP addresses with prefix length. An empty list: none at all.",
        ["192.168.10.5/24", "2001:db8::5/64"],
        "the host's addresses, routes, rules and permanent neighbours of this interface go along",
    )
    dhcp: bool | None = key(
        "Lease an IPv4 address by DHCP, with routes, MTU and name servers as the server says; not together with `addresses`.",
        True,
        "false",
    )
    mtu: int | None = key("MTU in bytes.", 9000, least=MIN_MTU)
    hardwareAddr: str | None = key("MAC address.", "02:00:5e:10:00:01")
    txQueueLen: int | None = key("Transmit queue length in packets.", 1000, least=0, most=MAX_QUEUE)
    gsoMaxSize: int | None = key("Most bytes of one segmented send (Big TCP).", 65536, least=1, most=MAX_GSO_SIZE)
    groMaxSize: int | None = key("Most bytes of one merged receive (Big TCP).", 65536, least=1, most=MAX_GSO_SIZE)
    gsoIPv4MaxSize: int | None = key("The same for IPv4 sends.", 65536, least=1, most=MAX_GSO_SIZE)
    groIPv4MaxSize: int | None = key("The same for IPv4 receives.", 65536, least=1, most=MAX_GSO_SIZE)
    disableEbpfPrograms: bool | None = key(
        "Take tc, TCX, XDP and netkit programs off the interface while the pod has it; the host gets them back.",
        True,
        "false: they stay",
    )
    forwarding: bool | None = key("Forward packets that come in here, in both families.", True, "the pod's default")
    arpIgnore: int | None = key("sysctl arp_ignore of the interface.", 1, "the pod's default", choices=ARP_IGNORE)
    arpAnnounce: int | None = key("sysctl arp_announce of the interface.", 2, "the pod's default", choices=(0, 1, 2))
    ipv6: Ipv6Config = field(default=Ipv6Config(), metadata=about("How IPv6 configures itself."))
    vrf: VrfConfig | None = field(
        default=None, metadata=about("Make the interface a port of a VRF; not together with `rules`.", unset="no VRF")
    )
    sysctls: Mapping[str, int] | None = key(
        "Further sysctls of the interface, as `ipv4/<key>` and `ipv6/<key>` from the list below.",
        {"ipv4/rp_filter": 2},
        "the pod's defaults",
        keys=tuple(sorted(SETTABLE)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class HopConfig:
    """One of several next hops of a route."""

    gateway: str = key("IP address of the next hop.", "192.168.10.1", default="", required=True)
    weight: int | None = key("Its share of the traffic.", 2, "1", least=1, most=256)
    onLink: bool | None = key("The gateway is a neighbour although no address says so.", True, "false")


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteConfig:
    """One route through the interface."""

    destination: str = key("Network; a host route needs /32 or /128.", "10.1.0.0/16", default="", required=True)
    gateway: str | None = key("IP address of the next hop; needed unless `scope` is 253.", "192.168.10.1", "none")
    source: str | None = key("Source address preferred for packets sent here.", "192.168.10.5", "the kernel's choice")
    scope: int | None = key("0 (universe: through a gateway) or 253 (link: direct).", 253, "0", choices=(0, 253))
    table: int | None = key("Routing table.", 100, "main, or the VRF's", least=0, most=U32)
    metric: int | None = key(
        "Preference among routes to one destination; lower wins.", 100, "the kernel's", least=0, most=U32
    )
    mtu: int | None = key(
        "Largest packet on this route, in bytes.", 1400, "the interface's", least=MIN_MTU, most=0xFFFF
    )
    type: str | None = key(
        "What happens to packets for it; all but unicast drop them and take no gateway.",
        "blackhole",
        "unicast",
        choices=tuple(ROUTE_TYPES),
    )
    onLink: bool | None = key("The gateway is a neighbour although no address says so.", True, "false")
    nextHops: tuple[HopConfig, ...] | None = key("Several next hops instead of `gateway`.", unset="one next hop")


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleConfig:
    """One policy routing rule of the pod; it looks up ``table``."""

    priority: int | None = key(
        "Order of evaluation; lower comes first.", 500, "32765: just before main", least=0, most=MAX_PRIORITY
    )
    source: str | None = key("Network that packets come from.", "192.168.10.0/24", "any")
    destination: str | None = key("Network that packets go to.", "10.0.0.0/8", "any")
    table: int | None = key("Routing table to look up.", 100, "main", least=0, most=U32)
    fwmark: int | None = key("Mark that packets have.", 7, "any", least=0, most=U32)
    fwmask: int | None = key("Bits of the mark to compare; only together with `fwmark`.", 255, "all", least=0, most=U32)
    iif: str | None = key("Name of the interface that packets came in by.", "net1", "any")
    oif: str | None = key("Name of the interface that a socket is bound to.", "net1", "any")


@dataclass(frozen=True, kw_only=True, slots=True)
class NeighborConfig:
    """One permanent neighbour entry."""

    destination: str = key("IP address of the neighbour.", "192.168.10.1", default="", required=True)
    hardwareAddr: str = key("The MAC address that answers for it.", "00:11:22:33:44:55", default="", required=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class EthtoolConfig:
    """What ethtool switches."""

    features: Mapping[str, bool] | None = key(
        "Offload features by the kernel's name, or by ethtool's short or long one.", {"tso": False, "rx-gro": True}
    )
    privateFlags: Mapping[str, bool] | None = key("Private flags of the device's driver.", {"legacy-rx": True})


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaConfig:
    """How much of each of the device's RDMA devices a container may have, by the rdma controller of cgroup v2."""

    maxHandles: int | None = key(
        "Most RDMA handles (`hca_handle`: open device contexts) of a container, on each RDMA device of this device.",
        64,
        "no limit",
        least=1,
        most=MAX_RDMA,
    )
    maxObjects: int | None = key(
        "Most RDMA objects (`hca_object`: queue pairs, completion queues, memory regions and others) of a container, likewise.",
        10000,
        "no limit",
        least=1,
        most=MAX_RDMA,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Everything a claim can say about one device."""

    profile: str | None = key(
        "Name of a profile: the profile provider is asked for more of this configuration.",
        "example.com/overlay",
        "no profile",
    )
    interface: InterfaceConfig = field(default=InterfaceConfig(), metadata=about("The interface in the pod."))
    inheritHostRoutes: bool | None = key(
        "Take the host's routes, rules and neighbours of this interface along, as far as they work with the pod's addresses.",
        True,
        "only together with the host's addresses",
    )
    routes: tuple[RouteConfig, ...] | None = key("Routes through the interface.", unset="none of its own")
    rules: tuple[RuleConfig, ...] | None = key("Policy routing rules of the pod.", unset="none of its own")
    neighbors: tuple[NeighborConfig, ...] | None = key("Permanent neighbours.", unset="none of its own")
    ethtool: EthtoolConfig = field(default=EthtoolConfig(), metadata=about("What ethtool switches."))
    rdma: RdmaConfig = field(
        default=RdmaConfig(), metadata=about("Limits of the rdma cgroup; needs cgroup v2.", unset="no limits")
    )
