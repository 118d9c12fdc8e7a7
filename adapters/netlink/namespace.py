"""One network namespace, worked on through a socket that was made inside it."""

from __future__ import annotations

import os
from contextlib import suppress
from socket import AF_INET, AF_INET6

from adapters.netlink import addresses, links, routes
from adapters.netlink.codec import ADDRESS, LINK, ROUTE
from adapters.netlink.links import Relation
from adapters.netlink.nsfs import cookie, inside
from adapters.netlink.socket import NetlinkSocket
from ports.devices import Address, Link, LinkFacts, Route
from ports.errors import Code, Failure
from ports.kernel import Namespace


class NetlinkNamespace:
    """Implements ``ports.kernel.Namespace``. Owns ``descriptor``, which is what keeps the namespace alive."""

    def __init__(self, descriptor: int, pci: links.FindPci, timeout: float) -> None:
        self._descriptor = descriptor
        self._cookie = cookie(descriptor)
        self._pci = pci
        self.socket = inside(descriptor, lambda: NetlinkSocket(timeout))

    @property
    def cookie(self) -> str:
        """``device:inode`` of the nsfs file."""
        return self._cookie

    @property
    def descriptor(self) -> int:
        """The open file, for moving links here. INTERNAL when it was closed."""
        if self._descriptor < 0:
            raise Failure(Code.INTERNAL, f"namespace {self._cookie}", "used after it was closed")
        return self._descriptor

    def link(self, ifindex: int) -> Link:
        """The link of that index."""
        return links.link(self.socket.ask(LINK, links.by_index(ifindex), _named(ifindex)), self._pci)

    def find(self, name: str) -> Link | None:
        """The link of that name or alternative name."""
        try:
            return links.link(self.socket.ask(LINK, links.by_name(name), f"interface {name}"), self._pci)
        except Failure as failure:
            if failure.code is Code.NOT_FOUND:
                return None
            raise

    def links(self) -> tuple[Link, ...]:
        """All links, from one consistent dump."""
        return tuple(links.link(message, self._pci) for message in self.socket.dump(LINK, links.every(), "interfaces"))

    def relations(self) -> list[Relation]:
        """How all links stand to each other."""
        return [links.relation(message) for message in self.socket.dump(LINK, links.every(), "interfaces")]

    def facts(self, ifindex: int) -> LinkFacts:
        """The link with its addresses and routes."""
        link, addresses = self.link(ifindex), self.addresses(ifindex)
        return LinkFacts(link=link, addresses=addresses, routes=routes.restored(self._routes(ifindex), addresses))

    def addresses(self, ifindex: int) -> tuple[Address, ...]:
        """The addresses of one link, in the kernel's order: a secondary after its primary."""
        dump = self.socket.dump(ADDRESS, addresses.of_link(ifindex), _named(ifindex))
        found = (addresses.address(message, ifindex) for message in dump)
        return tuple(address for address in found if address is not None)

    def default_links(self) -> set[int]:
        """Links that a default route of any table and family leads through."""
        dumps = (self.socket.dump(ROUTE, routes.every(family), "routes") for family in routes.FAMILIES)
        return {ifindex for dump in dumps for message in dump for ifindex in routes.default_links(message)}

    def move(self, ifindex: int, target: Namespace, name: str) -> Link:
        """Move the link and read it back in the target."""
        if not isinstance(target, NetlinkNamespace):
            raise TypeError("a link moves to a namespace of the same kernel")
        link = self.link(ifindex)
        if target.find(name) is not None:
            raise _taken(link, name)
        try:
            self.socket.change(LINK, links.moving(ifindex, target.descriptor, name), f"interface {link.name}")
        except Failure as failure:
            self._take_back(link, target, name)
            raise _taken(link, name) if failure.code is Code.CONFLICT else failure from failure
        return _arrived(target.find(name), link, name)

    def rename(self, ifindex: int, name: str) -> None:
        """Give the link another name."""
        self._set(ifindex, links.naming(name), f"the name {name}")

    def set_mtu(self, ifindex: int, mtu: int) -> None:
        """Set the MTU in bytes."""
        self._set(ifindex, ("IFLA_MTU", mtu), f"MTU {mtu}")

    def set_mac(self, ifindex: int, mac: str) -> None:
        """Set the hardware address."""
        self._set(ifindex, ("IFLA_ADDRESS", mac.lower().replace("-", ":")), f"hardware address {mac}")

    def set_up(self, ifindex: int, up: bool) -> None:
        """Set the administrative state."""
        self.socket.change(LINK, links.switching(ifindex, up), f"{_named(ifindex)} {'up' if up else 'down'}")

    def add_address(self, ifindex: int, address: Address) -> None:
        """Add an address; there already: success."""
        subject = f"address {address.prefix} on {_named(ifindex)}"
        try:
            self.socket.change(ADDRESS, addresses.adding(ifindex, address), subject)
        except Failure as failure:
            if failure.code is not Code.CONFLICT:
                raise

    def add_route(self, ifindex: int, route: Route) -> None:
        """Add a route; there already: success. CONFLICT: another route has its destination, table and metric."""
        subject = f"route to {route.destination} through {_named(ifindex)}"
        try:
            self.socket.change(ROUTE, routes.adding(ifindex, route), subject)
        except Failure as failure:
            if failure.code is not Code.CONFLICT:
                raise
            if not any(routes.same(route, there) for there in self._routes(ifindex)):
                detail = f"table {route.table} has another route with this destination and metric {route.metric}"
                raise Failure(Code.CONFLICT, subject, detail, "give one of them another table") from failure

    def close(self) -> None:
        """Give socket and descriptor up. Repeatable."""
        descriptor, self._descriptor = self._descriptor, -1
        self.socket.close()
        if descriptor >= 0:
            os.close(descriptor)

    def _set(self, ifindex: int, attribute: tuple[str, object], what: str) -> None:
        self.socket.change(LINK, links.setting(ifindex, attribute), f"{what} for {_named(ifindex)}")

    def _routes(self, ifindex: int) -> tuple[Route, ...]:
        dumps = (
            self.socket.dump(ROUTE, routes.of_link(ifindex, family), _named(ifindex)) for family in (AF_INET, AF_INET6)
        )
        return tuple(route for dump in dumps for message in dump for route in routes.routes(message, ifindex))

    def _take_back(self, link: Link, target: NetlinkNamespace, wanted: str) -> None:
        """After a failed move: the kernel renames after it moved, so a name taken meanwhile strands the link there.

        An answer that did not come may even mean that all was done.
        """
        with suppress(Failure):
            self.link(link.identity.ifindex)
            return
        for name in (link.name, wanted):
            stray = target.find(name)
            if stray is not None and stray.identity.same_device(link.identity) and stray.mac == link.mac:
                request = links.moving(stray.identity.ifindex, self.descriptor, link.name)
                target.socket.change(LINK, request, f"interface {link.name}")
                return


def _arrived(found: Link | None, link: Link, name: str) -> Link:
    if found is None or not found.identity.same_device(link.identity):
        raise Failure(Code.CONFLICT, f"interface {link.name}", f"was moved, but {name} in the target is not it")
    return found


def _taken(link: Link, name: str) -> Failure:
    return Failure(Code.CONFLICT, f"interface {link.name}", f"the name {name} is taken in the target namespace")


def _named(ifindex: int) -> str:
    return f"interface #{ifindex}"
