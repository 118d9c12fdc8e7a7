"""Asks the kernel what the node itself stands on, link by link: no dump of all links, and none of all routes.

A route is looked up as the kernel would look it up for a packet, with the entry that it finds as the answer
(RTM_F_FIB_MATCH): that of an own address names the link which has the address.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

from adapters.netlink import routes, routing, rules
from adapters.netlink.codec import HEADER, Request, attribute
from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.pci import PciAddresses
from adapters.netlink.socket import KernelError
from adapters.netlink.walking import Walk
from ports.devices import Rule
from ports.errors import Code
from ports.uplinks import Default, Owner, carriers, reached_tables

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
NEARLY_ALL = 4  # bits; VPNs halve the default route


class Standing:
    """The question, for one namespace. ``needed`` are the addresses that the node must keep reaching, its own included."""

    def __init__(self, host: NetlinkNamespace, functions: PciAddresses, needed: Iterable[str] = ()) -> None:
        self._host = host
        self._functions = functions
        self._needed = tuple(needed)
        self._families = frozenset(ip_address(address).version for address in self._needed)

    def everything(self) -> dict[int, str]:
        """All links that the node depends on, each with the reason."""
        reached = reached_tables(self._rules())
        carrying = carriers(reached, self._defaults(reached), self._owner, self._families)
        return Walk(self._host, self._functions).from_(self._roots() | carrying)

    def why(self, ifindex: int) -> str:
        """Why the node needs this link now, empty if it does not: cheap, and good enough a moment after ``everything``.

        It asks where a packet to a needed address or to somewhere far away would leave, and what that link stands on.
        That is never more than ``everything``, so that what may be prepared may also leave.
        """
        return Walk(self._host, self._functions).from_(self._roots()).get(ifindex, "")

    def _roots(self) -> dict[int, str]:
        return dict.fromkeys(self._ways_out(), "is the node's way out") | self._ways()

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
        """In the families that the node needs, as far as that is known: in others a router may have made the way."""
        for address in FAR:
            if self._families and ip_address(address).version not in self._families:
                continue
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
        try:
            prefixes = tuple(address.prefix for address in self._host.addresses(ifindex))
            return Owner(name=self._host.link(ifindex).name, prefixes=prefixes)
        except KernelError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return Owner(name="", prefixes=())  # gone meanwhile


def _or_none(ask: Callable[[], T], numbers: Iterable[int]) -> T | None:
    try:
        return ask()
    except KernelError as error:
        if error.errno in numbers:
            return None
        raise
