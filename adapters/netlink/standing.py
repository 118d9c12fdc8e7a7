"""Asks the kernel what the node itself stands on, link by link: no dump of all links, and none of all routes.

A route is looked up as the kernel would look it up for a packet, with the entry that it finds as the answer
(RTM_F_FIB_MATCH): that of an own address names the link which has the address.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

from adapters.netlink import links, routes, routing, rules
from adapters.netlink.codec import HEADER, Request, attribute
from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.pci import PciAddresses
from adapters.netlink.socket import KernelError
from ports.devices import Link, Rule
from ports.uplinks import Default, Owner, carriers, reached_tables, standing_on

T = TypeVar("T")
RTM_F_FIB_MATCH = 0x2000
RTN_LOCAL = 2
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL})  # none, or one that says no
NO_TABLE = frozenset({errno.ENOENT, errno.EOPNOTSUPP})
FAR = (
    "198.41.0.4",
    "202.12.27.33",
    "2001:503:ba3e::2:30",
    "2001:dc3::35",
)  # DNS roots A and M: looked up, never called
LEAVES = frozenset(
    {"veth", "macvlan", "macvtap", "ipvlan", "ipvtap", "vlan", "dummy", "ifb", "tun", "vxlan"}
)  # no ports
NEARLY_ALL = 4  # bits; VPNs halve the default route


class Standing:
    """The question, for one namespace. ``needed`` are the addresses that the node must keep reaching, its own included."""

    def __init__(self, host: NetlinkNamespace, functions: PciAddresses, needed: Iterable[str] = ()) -> None:
        self._host = host
        self._functions = functions
        self._needed = tuple(needed)

    def everything(self) -> dict[int, str]:
        """All links that the node depends on, each with the reason."""
        reached = reached_tables(self._rules())
        families = frozenset(ip_address(address).version for address in self._needed)
        roots = carriers(reached, self._defaults(reached), self._owner, families)
        return _Walk(self._host, self._functions).from_(roots | self._ways())

    def why(self, ifindex: int) -> str:
        """Why the node needs this link now, empty if it does not: cheap, and good enough a moment after ``everything``.

        It asks where a packet to a needed address or to somewhere far away would leave, and what that link stands on.
        """
        roots = self._ways() | dict.fromkeys(self._ways_out(), "is the node's way out")
        return _Walk(self._host, self._functions).from_(roots).get(ifindex, "")

    def _ways(self) -> dict[int, str]:
        """Links by which needed addresses are reached, or that have one of them."""
        return {index: words for address in self._needed for index, words in self._way(address)}

    def _way(self, address: str) -> Iterator[tuple[int, str]]:
        answer = self._look_up(address)
        if answer is None:
            return
        local = routes.BODY.unpack_from(answer, HEADER.size)[7] == RTN_LOCAL
        for index in routing.out_of(answer):
            yield index, f"has the node's address {address}" if local else f"leads to {address}, which the node needs"

    def _ways_out(self) -> Iterator[int]:
        for address in FAR:
            answer = self._look_up(address)
            if answer is not None and routes.BODY.unpack_from(answer, HEADER.size)[1] <= NEARLY_ALL:
                yield from routing.out_of(answer)

    def _look_up(self, address: str) -> bytes | None:
        packed = ip_address(address).packed
        family = routes.FAMILIES[len(packed) > 4]
        body = routes.BODY.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
        request = Request(kind=routes.RTM_GETROUTE, body=body + attribute(routes.RTA_DST, packed))
        return _or_none(lambda: self._host.socket.ask(request, f"route to {address}"), NO_ROUTE)

    def _rules(self) -> list[Rule]:
        dump = _or_none(lambda: self._host.socket.dump(rules.every(), "rules"), NO_TABLE) or []
        return [rule for message in dump if (rule := rules.leading(message)) is not None]

    def _defaults(self, tables: Iterable[tuple[int, int]]) -> Iterator[Default]:
        for family, table in tables:
            request = routes.of_table(family, table)
            dump = _or_none(partial(self._host.socket.dump, request, f"table {table}"), NO_TABLE)
            for message in dump or ():
                yield from routing.defaults(message)

    def _owner(self, ifindex: int) -> Owner:
        prefixes = tuple(address.prefix for address in self._host.addresses(ifindex))
        return Owner(name=self._host.link(ifindex).name, prefixes=prefixes)


class _Walk:
    """One walk over how links stand to each other; each is asked about once."""

    def __init__(self, host: NetlinkNamespace, functions: PciAddresses) -> None:
        self._host = host
        self._functions = functions
        self._asked: dict[int, tuple[Link | None, links.Relation]] = {}

    def from_(self, roots: Mapping[int, str]) -> dict[int, str]:
        """The roots with what they stand on."""
        return standing_on(roots, self._below, self._above)

    def _below(self, ifindex: int) -> Iterator[int]:
        """The link that it is on, its ports, and the physical function of a virtual one."""
        link, relation = self._about(ifindex)
        if link is None:
            return
        if relation.lower is not None:
            yield relation.lower
        if link.identity.link_kind not in LEAVES:
            for message in self._host.socket.dump(links.ports_of(ifindex), f"ports of {link.name}"):
                if (port := links.relation(message)).master == ifindex:
                    yield port.ifindex
        if link.identity.pci_address:
            names = self._functions.physical_interfaces(link.identity.pci_address)
            yield from (found.identity.ifindex for name in names if (found := self._host.find(name)) is not None)

    def _above(self, ifindex: int) -> Iterator[int]:
        _link, relation = self._about(ifindex)
        if relation.master is not None:
            yield relation.master

    def _about(self, ifindex: int) -> tuple[Link | None, links.Relation]:
        if ifindex not in self._asked:
            self._asked[ifindex] = self._ask(ifindex)
        return self._asked[ifindex]

    def _ask(self, ifindex: int) -> tuple[Link | None, links.Relation]:
        message = _or_none(lambda: self._host.socket.ask(links.by_index(ifindex), f"#{ifindex}"), {errno.ENODEV})
        if message is None:  # gone meanwhile
            return None, links.Relation(ifindex=ifindex)
        return links.link(message, self._functions), links.relation(message)


def _or_none(ask: Callable[[], T], numbers: Iterable[int]) -> T | None:
    try:
        return ask()
    except KernelError as error:
        if error.errno in numbers:
            return None
        raise
