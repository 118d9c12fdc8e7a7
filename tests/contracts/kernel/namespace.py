"""One network namespace of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network

from ports.devices import Address, Link, LinkFacts, Route
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.leased import LOST
from tests.contracts.kernel.model import Calls, Device, Net, facts, interface, reachable, refused, same_key
from tests.contracts.kernel.settings import Settings

UNICAST = 1  # rtnetlink's type of routes that lead somewhere


class FakeNamespace(Settings):
    """Implements ``ports.kernel.Namespace`` on the model."""

    def __init__(self, calls: Calls, net: Net, ended: Callable[[Net], None]) -> None:
        super().__init__(calls, net)
        self._ended = ended
        net.handles += 1

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
            return facts(self._device(ifindex), self._net.rules)

    def addresses(self, ifindex: int) -> tuple[Address, ...]:
        """The addresses of one link."""
        with self._call("addresses"):
            return facts(self._device(ifindex), self._net.rules).addresses

    def move(self, ifindex: int, target: Namespace, name: str, wanted: int | None = None) -> Link:
        """Move the link: down, without addresses and routes, perhaps under another index."""
        if not isinstance(target, FakeNamespace):
            raise TypeError("a fake link moves to a fake namespace")
        with self._call("move"):
            device = self._device(ifindex)
            if device.immutable or device.link.loopback:
                raise refused(device, "Invalid argument: The interface netns is immutable")
            names = {name, *device.alternative_names}
            if any(target._net.named(each) not in (None, device) for each in names):
                raise Failure(Code.CONFLICT, name, "the name is taken in the target namespace")
            del self._net.devices[ifindex]
            device.addresses.clear()
            device.set_down()
            is_free = wanted is not None and wanted not in target._net.devices
            target._net.take(device, name, wanted if wanted is not None and is_free else ifindex)
            return device.link

    def rename(self, ifindex: int, name: str) -> None:
        """Give another name; refused while up, as by kernels before 6.2."""
        with self._call("rename"):
            device = self._device(ifindex)
            if device.link.up:
                raise refused(device, "Device or resource busy")
            if self._net.named(name) not in (None, device):
                raise Failure(Code.CONFLICT, name, "the name is taken")
            device.change(name=name)

    def set_mtu(self, ifindex: int, mtu: int) -> None:
        """Set the MTU within the device's limits."""
        with self._call("set_mtu"):
            device = self._device(ifindex)
            if not device.link.min_mtu <= mtu <= device.link.max_mtu:
                raise refused(device, "Invalid argument: mtu out of the device's range")
            device.change(mtu=mtu)

    def set_mac(self, ifindex: int, mac: str) -> None:
        """Set the hardware address; hardware refuses while it is up."""
        with self._call("set_mac"):
            device = self._device(ifindex)
            if device.link.up and not device.virtual:
                raise refused(device, "Device or resource busy")
            if int(mac[:2], 16) & 1:
                raise refused(device, "Cannot assign requested address")
            device.address(mac.lower().replace("-", ":"))

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
            if address.lifetime == LOST:
                raise Failure(Code.DEADLINE, f"address {address.prefix}", "its lifetime is over")
            normal = replace(address, prefix=str(interface(address)), dad=False, lifetime=None)
            if address.lifetime is not None:
                if address.prefix in self._calls.expired:
                    raise Failure(Code.DEADLINE, f"address {address.prefix}", "its lifetime is over")
                device.lifetimes[normal.prefix] = address.lifetime
            if all(there.prefix != normal.prefix for there in device.addresses):
                device.addresses.append(normal)

    def add_route(self, ifindex: int, route: Route) -> None:
        """Add a route; there already: success, another of its key: conflict. The link must be up, the gateway reachable."""
        with self._call("add_route"):
            device = self._device(ifindex)
            wanted = replace(route, destination=str(ip_network(route.destination)))
            if route.type == UNICAST:
                self._check_way(device, route)
            place = device.routes if route.type == UNICAST else self._net.routes
            there = [*self._net.routes, *(each for other in self._net.devices.values() for each in other.routes)]
            if not any(same_key(each, wanted) for each in there):
                place.append(wanted)
            elif wanted not in place:
                raise Failure(Code.CONFLICT, f"route to {route.destination}", "the table has another one of its key")

    def remove_address(self, ifindex: int, address: Address) -> None:
        """Remove an address with its secondaries and the routes that need it; not there: success."""
        with self._call("remove_address"):
            device = self._device(ifindex)
            gone = interface(address)
            if str(gone) not in [there.prefix for there in device.addresses]:
                return
            kept = [there for there in device.addresses if there.prefix != str(gone)]
            if gone.version == 4:  # the first of a network takes those behind it along (promote_secondaries is off)
                first = next(a for a in device.addresses if interface(a).network == gone.network)
                kept = [a for a in kept if first.prefix != str(gone) or interface(a).network != gone.network]
            device.addresses[:] = kept
            left = any(interface(a).version == gone.version for a in kept) or gone.version == 6
            device.routes[:] = [
                route
                for route in device.routes
                if route.source != str(gone.ip) and (left or ip_network(route.destination).version == 6)
            ]

    def remove_route(self, ifindex: int, route: Route) -> None:
        """Remove exactly this route; not there: success."""
        with self._call("remove_route"):
            device = self._device(ifindex)
            wanted = replace(route, destination=str(ip_network(route.destination)))
            place = device.routes if route.type == UNICAST else self._net.routes
            if wanted in place:
                place.remove(wanted)

    def close(self) -> None:
        """Give the namespace up."""
        with self._calls.lock:
            if self._open:
                self._open = False
                self._net.handles -= 1
                self._ended(self._net)

    def _check_way(self, device: Device, route: Route) -> None:
        if not device.link.up:
            raise refused(device, "Network is down: Device for nexthop is not up")
        ways = [(route.gateway, route.onlink), *((hop.gateway, hop.onlink) for hop in route.hops)]
        if any(gateway and not onlink and not reachable(device, gateway) for gateway, onlink in ways):
            raise refused(device, "Network is unreachable: Nexthop has invalid gateway")
        if route.source and all(interface(a).ip != ip_address(route.source) for a in device.addresses):
            raise refused(device, "Invalid argument: Invalid prefsrc address")
