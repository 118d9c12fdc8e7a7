"""The state behind the model of the kernel: interfaces, namespaces, and Linux's rules about them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from ports.devices import MAIN_TABLE, Address, Expiry, Lifetime, Link, LinkFacts, Neighbour, Route, Rule, Sysctl, Tuning
from ports.errors import Code, Failure
from ports.queueing import NOTHING, Queueing
from ports.sriov import VirtualFunction
from ports.uplinks import Default, Owner, carriers, reached_tables, standing_on

IFF_PROMISC = 0x100
COMMON_TABLES = frozenset({0, 253, 254, 255})
DEFAULT_TUNING = Tuning(
    tx_queue_len=1000, gso_max_size=65536, gro_max_size=65536, gso_ipv4_max_size=65536, gro_ipv4_max_size=65536
)
DEFAULT_SYSCTLS = {"ipv4/arp_ignore": "0", "ipv4/arp_announce": "0", "ipv4/rp_filter": "0", "ipv6/accept_ra": "1"}


def _nothing(_call: str) -> None:
    return None


class Calls:
    """Counts calls, one at a time. ``before_call`` and ``after_call`` get the name of each and may raise.

    ``waits`` gets it too and may take its time, while others call.
    """

    def __init__(self) -> None:
        self.before_call: Callable[[str], None] = _nothing
        self.after_call: Callable[[str], None] = _nothing
        self.waits: Callable[[str], None] = _nothing
        self.calls: list[str] = []
        self.expired: set[str] = set()  # prefixes whose lifetimes are over
        self.lock = threading.RLock()

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """One call: counted, may be made to fail before or after it is done."""
        self.waits(name)
        with self.lock:
            self.calls.append(name)
            self.before_call(name)
            yield
            self.after_call(name)


@dataclass
class Device:
    """One interface of the model."""

    link: Link
    virtual: bool
    immutable: bool = False
    addresses: list[Address] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    lower: int | None = None
    neighbours: list[Neighbour] = field(default_factory=list)
    alternative_names: set[str] = field(default_factory=set)
    alias: str = ""
    group: int = 0
    promiscuity: int = 0  # those who want all packets, the flag apart
    queueing: Queueing = NOTHING
    functions: list[VirtualFunction] = field(default_factory=list)
    function: VirtualFunction | None = None
    fixed: bool = False  # its hardware address, by the administrator of its physical function
    unkept: list[str] = field(default_factory=list)  # what only its owner could build again
    tuning: Tuning = DEFAULT_TUNING
    sysctls: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_SYSCTLS))
    table: int | None = None
    lifetimes: dict[str, Lifetime] = field(default_factory=dict)
    moves: int = 0

    @property
    def ifindex(self) -> int:
        return self.link.identity.ifindex

    def change(self, **changes: object) -> None:
        self.link = replace(self.link, **changes)  # type: ignore[arg-type]

    def address(self, mac: str) -> None:
        if self.function is not None:
            if self.fixed and mac != self.function.mac:
                raise refused(self, "Cannot assign requested address")
            self.function = replace(self.function, mac=mac)
        self.change(mac=mac)

    def set_down(self) -> None:
        self.change(up=False, operstate="down")
        self.routes.clear()
        self.neighbours.clear()
        self.addresses = [address for address in self.addresses if interface(address).version == 4]


@dataclass
class Net:
    """One network namespace of the model; ``paths`` and ``handles`` keep it alive."""

    cookie: str
    devices: dict[int, Device] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    handles: int = 0
    rules: list[Rule] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)  # those that lead nowhere, and so through no interface
    announced: list[str] = field(default_factory=list)  # names of interfaces

    def named(self, name: str) -> Device | None:
        devices = self.devices.values()
        return next((each for each in devices if each.link.name == name or name in each.alternative_names), None)

    def uplinks(self) -> dict[int, str]:
        main = (Rule(family=family, priority=32766, table=MAIN_TABLE) for family in (4, 6))
        roots = carriers(reached_tables((*self.rules, *main)), self._defaults(), self._owner, frozenset())
        return standing_on(roots, self._below, self._above)

    def _defaults(self) -> Iterator[Default]:
        for device in self.devices.values():
            for route in device.routes:
                if ip_network(route.destination).prefixlen == 0:
                    family = ip_network(route.destination).version
                    yield Default(family=family, table=route.table, ifindex=device.ifindex, metric=route.metric)

    def _owner(self, ifindex: int) -> Owner:
        device = self.devices[ifindex]
        return Owner(name=device.link.name, prefixes=tuple(address.prefix for address in device.addresses))

    def _below(self, ifindex: int) -> Iterator[int]:
        yield from (each.ifindex for each in self.devices.values() if each.link.master == ifindex)
        if self.devices[ifindex].lower is not None:
            yield self.devices[ifindex].lower or 0

    def _above(self, ifindex: int) -> tuple[int, ...]:
        master = self.devices[ifindex].link.master
        return () if master is None else (master,)

    def take(self, device: Device, name: str, wanted_index: int) -> None:
        index = wanted_index if wanted_index not in self.devices else max(self.devices) + 1
        device.change(name=name, identity=replace(device.link.identity, ifindex=index), master=None)
        device.sysctls = dict(DEFAULT_SYSCTLS)
        device.promiscuity = 0
        device.queueing = NOTHING
        device.unkept.clear()
        device.moves += 1
        self.devices[index] = device


def facts(device: Device, rules: list[Rule]) -> LinkFacts:
    tables = {route.table for route in device.routes} - COMMON_TABLES
    return LinkFacts(
        link=device.link,
        addresses=tuple(sorted(device.addresses, key=lambda address: interface(address).version)),
        routes=tuple(device.routes),
        neighbours=tuple(device.neighbours),
        rules=tuple(rule for rule in rules if rule.table in tables),
        tuning=device.tuning,
        alternative_names=tuple(sorted(device.alternative_names)),
        alias=device.alias,
        group=device.group,
        promiscuity=device.promiscuity + bool(device.link.flags & IFF_PROMISC),
        expiries=tuple(
            Expiry(prefix=address.prefix, lifetime=device.lifetimes[address.prefix])
            for address in device.addresses
            if address.prefix in device.lifetimes
        ),
        queueing=device.queueing,
        functions=tuple(device.functions),
        unkept=tuple(device.unkept),
    )


def whole(device: Device, rules: list[Rule]) -> LinkFacts:
    sysctls = tuple(Sysctl(name=name, value=value) for name, value in sorted(device.sysctls.items()))
    return replace(facts(device, rules), sysctls=sysctls)


def interface(address: Address) -> IPv4Interface | IPv6Interface:
    return ip_interface(address.prefix)


def reachable(device: Device, gateway: str) -> bool:
    wanted = ip_address(gateway)
    networks = [interface(address).network for address in device.addresses]
    networks += [ip_network(route.destination) for route in device.routes if route.gateway is None]
    return (wanted.version == 6 and wanted.is_link_local) or any(wanted in network for network in networks)


def same_key(one: Route, other: Route) -> bool:
    return (ip_network(one.destination), one.table, one.metric) == (
        ip_network(other.destination),
        other.table,
        other.metric,
    )


def refused(device: Device, text: str) -> Failure:
    return Failure(Code.KERNEL, f"interface {device.link.name}", text)
