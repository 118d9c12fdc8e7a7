"""A model of the kernel in memory, so that the worker is tested in microseconds and can be made to fail at any call.

It behaves as Linux does where the worker depends on it: a move sets the link down and drops its addresses and routes;
setting a link down drops its routes and IPv6 addresses; an index or a name may be taken in the target; a namespace lives
as long as a path or an open handle holds it, and then gives its hardware back to the host under the name it has there.
"""

from __future__ import annotations

from itertools import count

from ports.devices import Address, Identity, Link, LinkFacts, Route
from ports.errors import Code, Failure
from tests.contracts.kernel.model import Calls, Device, Net, whole
from tests.contracts.kernel.namespace import FakeNamespace


class FakeKernel(Calls):
    """Implements ``ports.kernel.Kernel``."""

    def __init__(self) -> None:
        super().__init__()
        self._inodes = count(4026531840)
        self._indexes = count(2)
        self._foreign: set[str] = set()
        self._made: list[Net] = []
        self._net = self._new_net()
        self._nets: dict[str, Net] = {}
        self._add(self._net, Link(identity=Identity(ifindex=1), name="lo", mac="", mtu=65536, up=True, loopback=True))
        self._host = FakeNamespace(self, self._net, self._reap)

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
            return FakeNamespace(self, self._nets[path], self._reap)

    def uplinks(self) -> dict[int, str]:
        """Links that the node's own packets take, with what they stand on: decided as the real kernel's adapter does."""
        with self.call("uplinks"):
            return self._net.uplinks()

    def why_needed(self, ifindex: int) -> str:
        """The same, of one link."""
        with self.call("why_needed"):
            return self._net.uplinks().get(ifindex, "")

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
        with self.lock:
            net = self._nets.pop(path)
            net.paths.discard(path)
            self._reap(net)

    def remove_link(self, ifindex: int, namespace: str | None = None) -> None:
        """Unplug an interface."""
        (self._net if namespace is None else self._nets[namespace]).devices.pop(ifindex)

    def links_at(self, path: str) -> tuple[Link, ...]:
        """The links in the namespace at ``path``, the loopback apart, without counting as a call."""
        return tuple(device.link for device in self._nets[path].devices.values() if not device.link.loopback)

    def host_facts(self) -> dict[str, LinkFacts]:
        """The host's interfaces by name, without counting as a call: compare before and after."""
        return {device.link.name: whole(device, self._net.rules) for device in self._net.devices.values()}

    def unkept(self, name: str) -> list[str]:
        """What is on an interface of the host that its owner alone could build again; to be added to."""
        return self._of_host(name).unkept

    def capture(self, name: str) -> None:
        """Somebody on the host wants all packets of an interface."""
        self._of_host(name).promiscuity += 1

    def device(self, ifindex: int) -> Device:
        """An interface wherever it is, for what its driver or its physical function's administrator does to it."""
        return next(net.devices[ifindex] for net in self._made if ifindex in net.devices and ifindex != 1)

    def _of_host(self, name: str) -> Device:
        device = self._net.named(name)
        assert device is not None
        return device

    def _reap(self, net: Net) -> None:
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

    def _new_net(self) -> Net:
        net = Net(cookie=f"4:{next(self._inodes)}")
        self._made.append(net)
        return net

    def _add(
        self,
        net: Net,
        link: Link,
        virtual: bool = True,
        immutable: bool = False,
        addresses: list[Address] | None = None,
        routes: list[Route] | None = None,
        lower: int | None = None,
    ) -> Device:
        if net.named(link.name) or link.identity.ifindex in net.devices:
            raise ValueError(f"{link.name} or #{link.identity.ifindex} is there already")
        device = Device(link, virtual, immutable, addresses or [], routes or [], lower)
        net.devices[device.ifindex] = device
        return device


__all__ = ["FakeKernel", "FakeNamespace"]
