"""The state behind the model of the kernel: interfaces, namespaces, and Linux's rules about them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from ports.devices import Address, Link, LinkFacts, Route
from ports.errors import Code, Failure


def _nothing(_call: str) -> None:
    return None


class Calls:
    """Counts calls, one at a time. ``before_call`` and ``after_call`` get the name of each and may raise."""

    def __init__(self) -> None:
        self.before_call: Callable[[str], None] = _nothing
        self.after_call: Callable[[str], None] = _nothing
        self.calls: list[str] = []
        self.lock = threading.RLock()

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """One call: counted, may be made to fail before or after it is done."""
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

    @property
    def ifindex(self) -> int:
        return self.link.identity.ifindex

    def change(self, **changes: object) -> None:
        self.link = replace(self.link, **changes)  # type: ignore[arg-type]

    def set_down(self) -> None:
        self.change(up=False, operstate="down")
        self.routes.clear()
        self.addresses = [address for address in self.addresses if interface(address).version == 4]


@dataclass
class Net:
    """One network namespace of the model; ``paths`` and ``handles`` keep it alive."""

    cookie: str
    devices: dict[int, Device] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    handles: int = 0

    def named(self, name: str) -> Device | None:
        return next((device for device in self.devices.values() if device.link.name == name), None)

    def take(self, device: Device, name: str, wanted_index: int) -> None:
        index = wanted_index if wanted_index not in self.devices else max(self.devices) + 1
        device.change(name=name, identity=replace(device.link.identity, ifindex=index), master=None)
        self.devices[index] = device


def closed(start: set[int], edges: set[tuple[int, int]]) -> set[int]:
    found = set(start)
    while more := {end for begin, end in edges if begin in found} - found:
        found |= more
    return found


def facts(device: Device) -> LinkFacts:
    addresses = tuple(address for address in device.addresses if not interface(address).ip.is_link_local)
    return LinkFacts(link=device.link, addresses=addresses, routes=tuple(device.routes))


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
