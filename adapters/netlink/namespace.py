"""One network namespace, worked on through a socket that was made inside it."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Iterator

from adapters.netlink import (
    addresses,
    announcing,
    details,
    devconf,
    functions,
    neighbours,
    properties,
    routes,
    routing,
    rules,
    sysctls,
    vrf,
)
from adapters.netlink.codec import Request
from adapters.netlink.handle import named
from adapters.netlink.links import link as link_of
from adapters.netlink.links import relation
from adapters.netlink.nsfs import inside
from adapters.netlink.pci import PciAddresses
from adapters.netlink.queues import QueueHandle
from adapters.netlink.socket import KernelError
from ports.devices import Address, Expiry, Link, LinkFacts, Neighbour, Route, Rule, Sysctl
from ports.errors import Code, Failure
from ports.hardware import LinkDetails

BOUND_BY_PARENT = ("macvlan", "macvtap", "vlan")  # the kinds whose ndo_change_mtu refuses more than the parent has


class NetlinkNamespace(QueueHandle):
    """Implements ``ports.kernel.Namespace``. Owns ``descriptor``, which is what keeps the namespace alive."""

    def __init__(
        self, descriptor: int, functions: PciAddresses, timeout: float, sysctl_root: str = sysctls.ROOT
    ) -> None:
        super().__init__(descriptor, functions, timeout)
        self._functions = functions
        self._sysctl_root = sysctl_root

    def facts(self, ifindex: int) -> LinkFacts:
        """The link with all that rtnetlink knows of it; rules only where a route of it is in a table of its own."""
        message, told, through = (
            self._whole_message(ifindex),
            self._address_messages(ifindex),
            self._route_messages(ifindex),
        )
        its_addresses = _addresses(told, ifindex)
        kept = routes.restored(_routes(through, ifindex), its_addresses)
        tables = {route.table for route in kept} - rules.COMMON_TABLES
        link = link_of(message, self._pci)
        queueing, lost = self._queueing(ifindex)
        return LinkFacts(
            link=link,
            addresses=its_addresses,
            routes=kept,
            neighbours=self._neighbours(ifindex),
            rules=tuple(rule for rule in self.rules() if rule.table in tables) if tables else (),
            tuning=properties.tuning(message),
            alternative_names=properties.alternative_names(message),
            alias=properties.alias(message),
            lower_mtu=self._lower_mtu(message, link),
            group=properties.group(message),
            promiscuity=properties.promiscuity(message),
            expiries=_expiries(told, ifindex),
            queueing=queueing,
            functions=functions.functions(message),
            unkept=(*dict.fromkeys(words for each in through for words in routing.unkept(each, ifindex)), *lost),
        )

    def _lower_mtu(self, message: bytes, link: Link) -> int | None:
        """What bounds the MTU from below: a macvlan's or VLAN's parent, a VF's physical function."""
        lower = relation(message).lower if link.identity.link_kind in BOUND_BY_PARENT else None
        if lower is not None:
            return self.link(lower).mtu
        return self._functions.physical_mtu(link.identity.pci_address) if link.identity.pci_address else None

    def addresses(self, ifindex: int) -> tuple[Address, ...]:
        """The addresses of one link, in the kernel's order: a secondary after its primary."""
        return _addresses(self._address_messages(ifindex), ifindex)

    def details(self, ifindex: int) -> LinkDetails:
        """What is published of the link beside itself."""
        return details.of(self._message(ifindex), self.addresses(ifindex))

    def add_address(self, ifindex: int, address: Address) -> None:
        """Add an address; there already: success, with the given lifetime."""
        subject, now = f"address {address.prefix} on {named(ifindex)}", time.monotonic()
        if address.lifetime is not None and address.lifetime.valid_until < now + 1:
            raise Failure(Code.DEADLINE, subject, "its lifetime is over", "it is leased anew")
        try:
            self.socket.change(addresses.adding(ifindex, address, now), subject)
        except Failure as failure:
            if failure.code is not Code.CONFLICT:
                raise

    def remove_address(self, ifindex: int, address: Address) -> None:
        """Remove an address; not there: success."""
        subject = f"address {address.prefix} on {named(ifindex)}"
        self._remove(addresses.removing(ifindex, address), subject, errno.EADDRNOTAVAIL)

    def remove_route(self, ifindex: int, route: Route) -> None:
        """Remove a route; not there: success."""
        subject = f"route to {route.destination} through {named(ifindex)}"
        self._remove(routes.removing(ifindex, route), subject, errno.ESRCH)

    def _remove(self, request: Request, subject: str, missing: int) -> None:
        try:
            self.socket.change(request, subject)
        except KernelError as failure:
            if failure.errno != missing:
                raise

    def add_route(self, ifindex: int, route: Route) -> None:
        """Add a route; there already: success. CONFLICT: another route has its destination, table and metric."""
        subject = f"route to {route.destination} through {named(ifindex)}"
        try:
            self.socket.change(routes.adding(ifindex, route), subject)
        except Failure as failure:
            if failure.code is not Code.CONFLICT:
                raise
            if not any(routes.same(route, there) for there in self._alike(ifindex, route)):
                detail = f"table {route.table} has another route with this destination and metric {route.metric}"
                raise Failure(Code.CONFLICT, subject, detail, "give one of them another table") from failure

    def add_neighbour(self, ifindex: int, neighbour: Neighbour) -> None:
        """Add or replace a permanent neighbour entry."""
        subject = f"neighbour {neighbour.address} of {named(ifindex)}"
        self.socket.change(neighbours.adding(ifindex, neighbour), subject)

    def rules(self) -> tuple[Rule, ...]:
        """All rules of both families, in the kernel's order, but its own."""
        found = (rules.rule(message) for message in self.socket.dump(rules.every(), "rules"))
        return tuple(rule for rule in found if rule is not None)

    def add_rule(self, rule: Rule) -> None:
        """Add a rule; there already: success."""
        try:
            self.socket.change(rules.adding(rule), f"rule {rule.priority} of table {rule.table}")
        except Failure as failure:
            if failure.code is not Code.CONFLICT:
                raise

    def remove_rule(self, rule: Rule) -> None:
        """Remove a rule; not there: success.

        The kernel takes the first rule that has what this one has, also one with more. Such rules are taken and put back.
        """
        found = self.rules()
        there = next((place for place, other in enumerate(found) if rules.same(rule, other)), None)
        if there is None:
            return
        earlier = tuple(other for other in found[:there] if rules.covers(rule, other))
        for _ in range(len(earlier) + 1):
            self.socket.change(rules.removing(rule), f"rule {rule.priority} of table {rule.table}")
        for other in earlier:
            self.add_rule(other)

    def join_vrf(self, ifindex: int, name: str, table: int) -> None:
        """Make the link a port of the VRF, made if it is missing, whose sockets are those of the whole namespace."""
        self._into_vrf(ifindex, name, table)
        inside(self.descriptor, lambda: sysctls.switch_on(vrf.ACCEPTING, self._sysctl_root))

    def sysctls(self, ifindex: int, names: tuple[str, ...]) -> tuple[Sysctl, ...]:
        """The link's sysctls of those names, from its message as far as it tells them, else from their files."""
        sysctls.check(names)
        message = self._message(ifindex)
        found = devconf.values(message)
        rest = tuple(name for name in names if name not in found and devconf.exists(name))
        if rest:
            interface = link_of(message, self._pci).name
            found |= inside(self.descriptor, lambda: sysctls.of_link(interface, rest, self._sysctl_root))
        return tuple(Sysctl(name=name, value=found[name]) for name in names if name in found)

    def set_sysctl(self, ifindex: int, sysctl: Sysctl) -> None:
        """Set one sysctl of the link."""
        interface = self.link(ifindex).name
        inside(self.descriptor, lambda: sysctls.set_of_link(interface, sysctl, self._sysctl_root))

    def announce(self, ifindex: int) -> None:
        """Tell the neighbours of each address of the link."""
        announcing.announce(self.descriptor, self.link(ifindex), self.addresses(ifindex))

    def _neighbours(self, ifindex: int) -> tuple[Neighbour, ...]:
        dump = self.socket.dump(neighbours.of_link(ifindex), named(ifindex))
        found = (neighbours.neighbour(message, ifindex) for message in dump)
        return tuple(neighbour for neighbour in found if neighbour is not None)

    def _alike(self, ifindex: int, route: Route) -> Iterator[Route]:
        """The routes that may be the one that is there already: the link's, or those that lead nowhere."""
        if route.type == routes.RTN_UNICAST:
            yield from _routes(self._route_messages(ifindex), ifindex)
            return
        for message in self.socket.dump(routes.like(route), "routes"):
            if (there := routing.leading_nowhere(message)) is not None:
                yield there

    def _address_messages(self, ifindex: int) -> list[bytes]:
        return self.socket.dump(addresses.of_link(ifindex), named(ifindex))

    def _route_messages(self, ifindex: int) -> tuple[bytes, ...]:
        dumps = (self.socket.dump(routes.of_link(ifindex, family), named(ifindex)) for family in routes.FAMILIES)
        return tuple(message for dump in dumps for message in dump)


def _addresses(messages: Iterable[bytes], ifindex: int) -> tuple[Address, ...]:
    found = (addresses.address(message, ifindex) for message in messages)
    return tuple(address for address in found if address is not None)


def _expiries(messages: Iterable[bytes], ifindex: int) -> tuple[Expiry, ...]:
    now = time.monotonic()
    found = (addresses.expiry(message, ifindex, now) for message in messages)
    return tuple(expiry for expiry in found if expiry is not None)


def _routes(messages: Iterable[bytes], ifindex: int) -> tuple[Route, ...]:
    return tuple(route for message in messages for route in routing.routes(message, ifindex))
