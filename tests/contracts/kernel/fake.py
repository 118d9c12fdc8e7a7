"""A model of the kernel in memory, so that the worker is tested in microseconds and can be made to fail at any call.

It behaves as Linux does where the worker depends on it: a move sets the link down and drops its addresses and routes;
setting a link down drops its routes and IPv6 addresses; an index or a name may be taken in the target; a namespace lives
as long as a path or an open handle holds it, and then gives its hardware back to the host under the name it has there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from itertools import count

from ports.devices import Address, Identity, Link, LinkFacts, Route
from ports.errors import Code, Failure
from ports.kernel import Namespace

DEFAULT_ROUTES = ("0.0.0.0/0", "::/0")


def _nothing(_call: str) -> None:
    return None


@dataclass
class _Device:
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
        self.addresses = [address for address in self.addresses if _interface(address).version == 4]


@dataclass
class _Net:
    """One network namespace of the model; ``paths`` and ``handles`` keep it alive."""

    cookie: str
    devices: dict[int, _Device] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    handles: int = 0

    def named(self, name: str) -> _Device | None:
        return next((device for device in self.devices.values() if device.link.name == name), None)

    def take(self, device: _Device, name: str, wanted_index: int) -> None:
        index = wanted_index if wanted_index not in self.devices else max(self.devices) + 1
        device.change(name=name, identity=replace(device.link.identity, ifindex=index), master=None)
        self.devices[index] = device


class FakeKernel:
    """Implements ``ports.kernel.Kernel``. ``before_call`` and ``after_call`` get the name of each call and may raise."""

    def __init__(self) -> None:
        self.before_call: Callable[[str], None] = _nothing
        self.after_call: Callable[[str], None] = _nothing
        self.calls: list[str] = []
        self._lock = threading.RLock()
        self._inodes = count(4026531840)
        self._indexes = count(2)
        self._foreign: set[str] = set()
        self._made: list[_Net] = []
        self._net = self._new_net()
        self._nets: dict[str, _Net] = {}
        self._add(self._net, Link(identity=Identity(ifindex=1), name="lo", mac="", mtu=65536, up=True, loopback=True))
        self._host = FakeNamespace(self, self._net)

    @property
    def host(self) -> FakeNamespace:
        """The host's namespace."""
        return self._host

    def open(self, path: str) -> FakeNamespace:
        """A handle on the namespace at ``path``."""
        with self.call("open"):
            if path in self._foreign:
                raise Failure(Code.REFUSED, path, "not a network namespace")
            if path not in self._nets:
                raise Failure(Code.NOT_FOUND, path, "no such file")
            if self._nets[path] is self._net:
                raise Failure(Code.REFUSED, path, "the host's own network namespace")
            return FakeNamespace(self, self._nets[path])

    def uplinks(self) -> frozenset[int]:
        """Links with a default route, what is below them all the way down, and the masters of all of those."""
        with self.call("uplinks"):
            devices = self._net.devices.values()
            masters = {(d.ifindex, d.link.master) for d in devices if d.link.master}
            lowers = {(d.ifindex, d.lower) for d in devices if d.lower}
            start = {d.ifindex for d in devices if any(route.destination in DEFAULT_ROUTES for route in d.routes)}
            down = _closed(start, lowers | {(master, slave) for slave, master in masters})
            return frozenset(_closed(down, masters))

    # What tests arrange and look at.

    @property
    def open_handles(self) -> int:
        """Namespaces opened and not closed, the host's apart."""
        return sum(net.handles for net in self._made if net is not self._net)

    def add_link(
        self,
        name: str,
        *,
        pci_address: str | None = None,
        permanent_address: str | None = None,
        kind: str | None = None,
        mac: str = "02:00:00:00:00:01",
        mtu: int = 1500,
        up: bool = True,
        addresses: tuple[Address, ...] = (),
        routes: tuple[Route, ...] = (),
        master: int | None = None,
        lower: int | None = None,
        immutable: bool = False,
        ifindex: int | None = None,
        namespace: str | None = None,
    ) -> Link:
        """A new interface in the host or in the namespace at a path: hardware with a PCI address, else virtual (veth)."""
        virtual = pci_address is None
        identity = Identity(
            ifindex=next(self._indexes) if ifindex is None else ifindex,
            link_kind=("veth" if virtual else "") if kind is None else kind,
            pci_address=pci_address,
            permanent_address=permanent_address,
        )
        link = Link(
            identity=identity,
            name=name,
            mac=mac,
            mtu=mtu,
            up=up,
            min_mtu=68,
            max_mtu=65535,
            master=master,
            operstate="up" if up else "down",
        )
        net = self._net if namespace is None else self._nets[namespace]
        return self._add(net, link, virtual, immutable, list(addresses), list(routes), lower).link

    def add_namespace(self, path: str) -> str:
        """A new namespace at ``path`` with a loopback in it; its cookie."""
        net = self._new_net()
        net.paths.add(path)
        self._nets[path] = net
        self._add(net, Link(identity=Identity(ifindex=1), name="lo", mac="", mtu=65536, up=True, loopback=True))
        return net.cookie

    def add_host_path(self, path: str) -> None:
        """Another name of the host's own namespace."""
        self._nets[path] = self._net

    def add_file(self, path: str) -> None:
        """A file that is no network namespace."""
        self._foreign.add(path)

    def kill_namespace(self, path: str) -> None:
        """Take the path away; the namespace ends when nobody holds it open any more."""
        with self._lock:
            net = self._nets.pop(path)
            net.paths.discard(path)
            self.reap(net)

    def remove_link(self, ifindex: int, namespace: str | None = None) -> None:
        """Unplug an interface."""
        (self._net if namespace is None else self._nets[namespace]).devices.pop(ifindex)

    def links_at(self, path: str) -> tuple[Link, ...]:
        """The links in the namespace at ``path``, the loopback apart, without counting as a call."""
        return tuple(device.link for device in self._nets[path].devices.values() if not device.link.loopback)

    def host_facts(self) -> dict[str, LinkFacts]:
        """The host's interfaces by name, without counting as a call: compare before and after."""
        return {device.link.name: _facts(device) for device in self._net.devices.values()}

    # What the namespaces use.

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """One call: counted, may be made to fail before or after it is done."""
        with self._lock:
            self.calls.append(name)
            self.before_call(name)
            yield
            self.after_call(name)

    def held(self, net: _Net, change: int) -> None:
        """Count a handle opened or closed."""
        with self._lock:
            net.handles += change
            self.reap(net)

    def reap(self, net: _Net) -> None:
        """End the namespace when nothing holds it: hardware goes home, the rest vanishes."""
        if net is self._net or net.paths or net.handles:
            return
        for device in list(net.devices.values()):
            if not device.virtual:
                device.addresses.clear()
                device.set_down()
                name = device.link.name
                taken = self._net.named(name) is not None
                self._net.take(device, f"dev{device.ifindex}" if taken else name, device.ifindex)
        net.devices.clear()

    def _new_net(self) -> _Net:
        net = _Net(cookie=f"4:{next(self._inodes)}")
        self._made.append(net)
        return net

    def _add(
        self,
        net: _Net,
        link: Link,
        virtual: bool = True,
        immutable: bool = False,
        addresses: list[Address] | None = None,
        routes: list[Route] | None = None,
        lower: int | None = None,
    ) -> _Device:
        if net.named(link.name) or link.identity.ifindex in net.devices:
            raise ValueError(f"{link.name} or #{link.identity.ifindex} is there already")
        device = _Device(link, virtual, immutable, addresses or [], routes or [], lower)
        net.devices[device.ifindex] = device
        return device


class FakeNamespace:
    """Implements ``ports.kernel.Namespace`` on the model."""

    def __init__(self, kernel: FakeKernel, net: _Net) -> None:
        self._kernel = kernel
        self._net = net
        self._open = True
        kernel.held(net, 1)

    @property
    def cookie(self) -> str:
        """Tells namespaces apart."""
        return self._net.cookie

    def link(self, ifindex: int) -> Link:
        """The link of that index."""
        with self._call("link"):
            return self._device(ifindex).link

    def find(self, name: str) -> Link | None:
        """The link of that name."""
        with self._call("find"):
            device = self._net.named(name)
            return device.link if device else None

    def links(self) -> tuple[Link, ...]:
        """All links."""
        with self._call("links"):
            return tuple(device.link for device in self._net.devices.values())

    def facts(self, ifindex: int) -> LinkFacts:
        """The link with addresses and routes."""
        with self._call("facts"):
            return _facts(self._device(ifindex))

    def addresses(self, ifindex: int) -> tuple[Address, ...]:
        """The addresses of one link."""
        with self._call("addresses"):
            return _facts(self._device(ifindex)).addresses

    def move(self, ifindex: int, target: Namespace, name: str) -> Link:
        """Move the link: down, without addresses and routes, perhaps under another index."""
        if not isinstance(target, FakeNamespace):
            raise TypeError("a fake link moves to a fake namespace")
        with self._call("move"):
            device = self._device(ifindex)
            if device.immutable or device.link.loopback:
                raise _kernel(device, "Invalid argument: The interface netns is immutable")
            if target._net.named(name) not in (None, device):
                raise Failure(Code.CONFLICT, name, "the name is taken in the target namespace")
            del self._net.devices[ifindex]
            device.addresses.clear()
            device.set_down()
            target._net.take(device, name, ifindex)
            return device.link

    def rename(self, ifindex: int, name: str) -> None:
        """Give another name; refused while up, as by kernels before 6.2."""
        with self._call("rename"):
            device = self._device(ifindex)
            if device.link.up:
                raise _kernel(device, "Device or resource busy")
            if self._net.named(name) not in (None, device):
                raise Failure(Code.CONFLICT, name, "the name is taken")
            device.change(name=name)

    def set_mtu(self, ifindex: int, mtu: int) -> None:
        """Set the MTU within the device's limits."""
        with self._call("set_mtu"):
            device = self._device(ifindex)
            if not device.link.min_mtu <= mtu <= device.link.max_mtu:
                raise _kernel(device, "Invalid argument: mtu out of the device's range")
            device.change(mtu=mtu)

    def set_mac(self, ifindex: int, mac: str) -> None:
        """Set the hardware address; hardware refuses while it is up."""
        with self._call("set_mac"):
            device = self._device(ifindex)
            if device.link.up and not device.virtual:
                raise _kernel(device, "Device or resource busy")
            if int(mac[:2], 16) & 1:
                raise _kernel(device, "Cannot assign requested address")
            device.change(mac=mac.lower().replace("-", ":"))

    def set_up(self, ifindex: int, up: bool) -> None:
        """Set the administrative state; going down drops routes and IPv6 addresses."""
        with self._call("set_up"):
            device = self._device(ifindex)
            if up:
                device.change(up=True, operstate="up")
            else:
                device.set_down()

    def add_address(self, ifindex: int, address: Address) -> None:
        """Add an address; there already: success."""
        with self._call("add_address"):
            device = self._device(ifindex)
            normal = replace(address, prefix=str(_interface(address)))
            if all(there.prefix != normal.prefix for there in device.addresses):
                device.addresses.append(normal)

    def add_route(self, ifindex: int, route: Route) -> None:
        """Add a route; there already: success. The link must be up and the gateway reachable."""
        with self._call("add_route"):
            device = self._device(ifindex)
            if not device.link.up:
                raise _kernel(device, "Network is down: Device for nexthop is not up")
            if route.gateway and not _reachable(device, route.gateway):
                raise _kernel(device, "Network is unreachable: Nexthop has invalid gateway")
            if route.source and all(_interface(a).ip != ip_address(route.source) for a in device.addresses):
                raise _kernel(device, "Invalid argument: Invalid prefsrc address")
            if not any(_same_route(there, route) for there in device.routes):
                device.routes.append(replace(route, destination=str(ip_network(route.destination))))

    def close(self) -> None:
        """Give the namespace up."""
        if self._open:
            self._open = False
            self._kernel.held(self._net, -1)

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        if not self._open:
            raise Failure(Code.INTERNAL, f"namespace {self.cookie}", "used after it was closed")
        with self._kernel.call(name):
            yield

    def _device(self, ifindex: int) -> _Device:
        if ifindex not in self._net.devices:
            raise Failure(Code.NOT_FOUND, f"interface #{ifindex}", "not in this namespace")
        return self._net.devices[ifindex]


def _closed(start: set[int], edges: set[tuple[int, int]]) -> set[int]:
    found = set(start)
    while more := {end for begin, end in edges if begin in found} - found:
        found |= more
    return found


def _facts(device: _Device) -> LinkFacts:
    addresses = tuple(address for address in device.addresses if not _interface(address).ip.is_link_local)
    return LinkFacts(link=device.link, addresses=addresses, routes=tuple(device.routes))


def _interface(address: Address) -> IPv4Interface | IPv6Interface:
    return ip_interface(address.prefix)


def _reachable(device: _Device, gateway: str) -> bool:
    wanted = ip_address(gateway)
    networks = [_interface(address).network for address in device.addresses]
    networks += [ip_network(route.destination) for route in device.routes if route.gateway is None]
    return (wanted.version == 6 and wanted.is_link_local) or any(wanted in network for network in networks)


def _same_route(one: Route, other: Route) -> bool:
    return (ip_network(one.destination), one.table, one.metric) == (
        ip_network(other.destination),
        other.table,
        other.metric,
    )


def _kernel(device: _Device, text: str) -> Failure:
    return Failure(Code.KERNEL, f"interface {device.link.name}", text)
