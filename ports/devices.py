"""Network interfaces as values: who they are, what they look like, and what the inventory says of them.

A name is only a label: it changes with a rename, a move or a driver restart. ``Identity`` is what does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ports.queueing import NOTHING, Queueing
from ports.sriov import VirtualFunction
from ports.vitals import Vitals

AttributeValue = str | int | bool | tuple[str | int, ...]  # the last: list-typed (KEP-5491), where the server takes it
MAIN_TABLE = 254
SCOPE_UNIVERSE = 0
SCOPE_LINK = 253
SETTABLE_FLAGS = (
    0x4 | 0x80 | 0x100 | 0x200 | 0x1000
)  # IFF_DEBUG, _NOARP, _PROMISC, _ALLMULTI, _MULTICAST (netdevice(7))


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What stays the same of an interface while its name does not; checked before each step that moves it.

    ``ifindex`` is unique in a namespace for the life of the interface and kept over a move when it is free there;
    ``pci_address`` (``0000:3b:00.1``) and ``permanent_address`` (IFLA_PERM_ADDRESS) are None where there is none; a virtual
    function has no permanent address either, because drivers (igbvf) put there whatever address it is given.
    ``link_kind`` is the rtnetlink kind (``veth``, ``macvlan``) and empty for hardware. ``rdma`` is the name of an RDMA
    device that has no interface (InfiniBand without IPoIB, EFA), and None for every interface; its ``ifindex`` is 0.
    """

    ifindex: int
    link_kind: str = ""
    pci_address: str | None = None
    permanent_address: str | None = None
    rdma: str | None = None

    def same_device(self, other: Identity) -> bool:
        """Whether both are one device, the index apart (a move may change it when it is taken in the target).

        The place on the PCI bus comes first; the permanent address tells ports of one function apart, where both have one.
        """
        mine = (self.link_kind, self.pci_address, self.rdma)
        if mine != (other.link_kind, other.pci_address, other.rdma):
            return False
        addresses = {self.permanent_address, other.permanent_address}
        return len(addresses) == 1 or (self.pci_address is not None and None in addresses)

    def __str__(self) -> str:
        if self.rdma is not None:
            return f"RDMA device {self.rdma}"
        place = self.pci_address or self.permanent_address or self.link_kind or "device"
        return f"#{self.ifindex} {place}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifetime:
    """Until when an address may be used, and until when for something new; absolute seconds of CLOCK_MONOTONIC."""

    preferred_until: float
    valid_until: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """Until when the kernel keeps an address that somebody leased, by its ``prefix``."""

    prefix: str
    lifetime: Lifetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """An IP address of an interface. ``prefix`` keeps the host bits (``10.0.0.5/24``); scope as in rtnetlink.

    ``peer`` is the address at the other end of a point-to-point link; the prefix length is that of its network then.
    ``broadcast`` is set where somebody set it. ``no_prefix_route``: the kernel makes no route to the network of it
    (IFA_F_NOPREFIXROUTE), else one of metric ``metric`` (0: the kernel's own choice). ``label`` is that of an IPv4 alias
    (``ens1:0``), empty where it is only the interface's name; ``protocol`` is who made it (IFA_PROTO; 0: not said).
    ``dad`` is a wish only: IPv6 duplicate detection, which holds the address back for a second; never set in what is read.
    Nor is ``lifetime``, which makes the kernel take the address away by itself when nobody prolongs it.
    """

    prefix: str
    scope: int = SCOPE_UNIVERSE
    broadcast: str | None = None
    no_prefix_route: bool = False
    metric: int = 0
    peer: str | None = None
    label: str = ""
    protocol: int = 0
    dad: bool = False
    lifetime: Lifetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """One next hop of a multipath route; ``weight`` as in ``ip route`` (1 to 256)."""

    gateway: str
    weight: int = 1
    onlink: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric of a route beside its MTU; ``number`` is RTAX_* of linux/rtnetlink.h, 1 the mask of the locked ones."""

    number: int
    value: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A unicast route through one interface; ``destination`` is a CIDR, ``0.0.0.0/0`` or ``::/0`` the default route.

    ``onlink``: the gateway is a neighbour although no address of the interface says so (RTNH_F_ONLINK). ``type`` is the
    rtnetlink route type (1 unicast; 6 blackhole, 7 unreachable, 8 prohibit have neither gateway nor hops). ``hops`` are
    the next hops of a multipath route, all through this interface; then ``gateway`` is None. ``mtu`` 0: the link's.
    ``preference`` is that of an IPv6 router (RTA_PREF, RFC 4191: 0 medium, 1 high, 3 low), ``congestion`` the algorithm of
    its TCP connections, ``realm`` that of classification (RTA_FLOW).
    """

    destination: str
    gateway: str | None = None
    source: str | None = None
    scope: int = SCOPE_UNIVERSE
    table: int = MAIN_TABLE
    metric: int = 0
    protocol: int = 0
    onlink: bool = False
    type: int = 1
    mtu: int = 0
    hops: tuple[Hop, ...] = ()
    metrics: tuple[Metric, ...] = ()
    congestion: str = ""
    preference: int = 0
    realm: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One interface as the kernel shows it in one namespace. ``up`` is the administrative state (IFF_UP).

    ``encapsulation`` is the name of its ARP hardware type (``ether``, ``infiniband``). ``flags`` are those of its IFF_
    flags that are set by people and programs (``SETTABLE_FLAGS``): whoever holds a namespace can leave them on it.
    ``carrier_losses`` is a count of the kernel's and no property of the link: it does not make two links differ.
    """

    identity: Identity
    name: str
    mac: str
    mtu: int
    up: bool
    min_mtu: int = 0
    max_mtu: int = 0
    master: int | None = None
    loopback: bool = False
    operstate: str = "unknown"
    encapsulation: str = "ether"
    flags: int = 0
    carrier_losses: int | None = field(default=None, compare=False)

    @property
    def ipoib(self) -> bool:
        """Whether it carries IP over InfiniBand."""
        return self.encapsulation == "infiniband"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A policy routing rule (ip-rule(8)). ``family`` is 4 or 6; None means "any", and 0 "unset" for marks and tables.

    ``action`` is the FR_ACT number (1: look up ``table``; 6 blackhole, 7 unreachable, 8 prohibit).
    """

    family: int
    priority: int
    table: int = 0
    source: str | None = None
    destination: str | None = None
    fwmark: int = 0
    fwmask: int = 0
    iif: str | None = None
    oif: str | None = None
    invert: bool = False
    tos: int = 0
    action: int = 1
    protocol: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """A permanent neighbour entry (NUD_PERMANENT): an IP address and the MAC that answers for it."""

    address: str
    mac: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """Sizes and queue of a link; None: not to be changed, or not known to this kernel. Sizes in bytes (Big TCP)."""

    tx_queue_len: int | None = None
    gso_max_size: int | None = None
    gro_max_size: int | None = None
    gso_ipv4_max_size: int | None = None
    gro_ipv4_max_size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """Something with a name that is on or off."""

    name: str
    on: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Sysctl:
    """One sysctl of an interface: ``ipv4/arp_ignore`` is /proc/sys/net/ipv4/conf/<interface>/arp_ignore."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Something of the hardware that ethtool sets, by family and name: ``rings/rx``, ``coalesce/rx-usecs``, ``pause/autoneg``.

    The value is a number in decimal; of a set of modes or bytes (``link/advertised``, ``rss/key``) it is hexadecimal.
    """

    name: str
    value: str

    @property
    def family(self) -> str:
        """What it is set together with."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offloads:
    """What ethtool switches: features by kernel name and the driver's private flags, each on or off; and its settings.

    As facts: those the hardware can change (``features``), all flags, and what of the ``settings`` the driver tells. As a
    wish: only those to be set. ``fixed`` is told by ``inspect`` alone, for whoever plans: the features that nobody can
    change here.
    """

    features: tuple[Switch, ...] = ()
    flags: tuple[Switch, ...] = ()
    fixed: tuple[Switch, ...] = ()
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """An eBPF program on an interface.

    ``hook`` is where: tc-ingress, tc-egress, tcx-ingress, tcx-egress, xdp, netkit-primary, netkit-peer. The other numbers
    are the hook's own: a tc filter has ``priority``, ``handle``, ``chain``, ``protocol`` (EtherType; 3 is all) and
    ``flags`` (TCA_BPF_FLAGS: 1 direct action); of XDP, ``flags`` is the mode (2 generic, 4 driver, 8 hardware). The id
    is the kernel's and never used twice in a boot while the program lives.
    """

    hook: str
    name: str
    id: int
    priority: int = 0
    handle: int = 0
    chain: int = 0
    protocol: int = 0
    flags: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaLink:
    """An RDMA device by its name (``mlx5_0``) and its index, which stays the same over a move between namespaces.

    A device whose driver was started again has another index, whatever its name.
    """

    name: str
    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaLimits:
    """Most handles and objects that a container may have of an RDMA device (cgroup v2, ``rdma.max``); None: no limit."""

    handles: int | None = None
    objects: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceNode:
    """A device file for a container; ``type`` is ``c`` or ``b``, ``mode`` its access bits (owner root)."""

    path: str
    type: str
    major: int
    minor: int
    mode: int = 0o666


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkFacts:
    """All that has to be put back when the interface returns.

    ``rules`` are the host's rules that look up a table which routes of this interface are in. ``rdma_exclusive``:
    RDMA devices belong to one namespace each and have to be moved. An RDMA device without an interface has a ``link``
    with no name and no index (``rdma_only``), and is itself the one entry of ``rdma``. ``lower_mtu`` is the MTU of
    what the interface is on top of (a VF's PF, a VLAN's or macvlan's parent), where that is known. ``group`` is that
    of IFLA_GROUP. ``promiscuity`` counts who wants all packets: it can be compared, and only they can change it.
    ``functions`` are a physical function's own ones, ``function`` is what its physical function says of a virtual
    one, read when it is prepared and when it is back. ``expiries`` are those of its addresses that are not for ever.
    ``unkept`` names what the host has on the interface that nobody here could build again; it is lost when the
    interface leaves.
    """

    link: Link
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    rules: tuple[Rule, ...] = ()
    tuning: Tuning = Tuning()
    alternative_names: tuple[str, ...] = ()
    alias: str = ""
    offloads: Offloads = Offloads()
    sysctls: tuple[Sysctl, ...] = ()
    programs: tuple[Program, ...] = ()
    rdma: tuple[RdmaLink, ...] = ()
    rdma_exclusive: bool = False
    lower_mtu: int | None = None
    group: int = 0
    promiscuity: int = 0
    expiries: tuple[Expiry, ...] = ()
    queueing: Queueing = NOTHING
    functions: tuple[VirtualFunction, ...] = ()
    function: VirtualFunction | None = None
    unkept: tuple[str, ...] = ()


def rdma_only(identity: Identity) -> Link:
    """The place of the interface in the facts of an RDMA device that has none."""
    return Link(identity=identity, name="", mac="", mtu=0, up=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taint:
    """A DeviceTaint (KEP-5055). ``effect`` is None, NoSchedule or NoExecute; an empty ``value`` is left out."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device of the inventory: its name in the ResourceSlice, its identity, and what is said of it there.

    Attribute and capacity names are qualified (``dra.net/ifName``, ``resource.kubernetes.io/pcieRoot``). ``capacity`` is
    in base units (bandwidth: bits a second). ``vitals`` are what its health is judged by, and published nowhere.
    """

    name: str
    identity: Identity
    interface: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    vitals: Vitals | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What the host has to offer, sorted by device name; ``generation`` rises with each change that one watcher saw.

    ``missed`` counts the audits of that watcher that found something which no event had told.
    """

    generation: int
    devices: tuple[Device, ...] = ()
    missed: int = 0

    def device(self, name: str) -> Device | None:
        """The device of that name, if the host has it now."""
        return next((device for device in self.devices if device.name == name), None)
