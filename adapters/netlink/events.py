"""rtnetlink's notifications, and what each says was touched.

Only the fixed part of a message is looked at, and of routes the destination: what is there now is asked of the kernel
afterwards, so a late or repeated event does no harm. Neighbours are not listened to: nothing of the inventory is made of
them, and on a busy node they are most of the noise.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address

from adapters.netlink import addresses, links, routes, routing
from adapters.netlink.codec import HEADER, attributes, messages
from adapters.talk.listening import heard, join, listening
from ports.touched import NOTHING, Touched

GROUPS = (1, 4, 5, 7, 8, 9, 11, 19)  # RTNLGRP_LINK, _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, the same of IPv6
NEXTHOPS = 31  # RTNLGRP_NEXTHOP, since Linux 5.3: a route that names a next hop changes with it, silently
LINK, ADDRESS, ROUTE, RULE, FILTER, NEXTHOP = (
    (16, 17),
    (20, 21),
    (24, 25),
    (32, 33),
    (44, 45),
    (104, 105),
)  # RTM_NEW*, _DEL*
TC = struct.Struct("=4xi")  # tcmsg, up to the index
AT_ONCE = 128  # datagrams
_ROUTING = Touched(routing=True)


class NetlinkEvents:
    """Implements ``ports.discovery.EventSource`` for the network namespace of the thread that makes it.

    ``needed`` are the IP addresses that the node must keep reaching, its own included: of routes and addresses, those
    that concern one of them touch routing.
    """

    def __init__(self, needed: Iterable[str] = ()) -> None:
        self._needed = tuple(ip_address(text).packed for text in needed)
        self._socket = _subscribed()

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._socket.fileno()

    def read(self) -> Touched:
        """What the next events touched."""
        return heard(self._socket, AT_ONCE, "network events", self._meanings)

    def close(self) -> None:
        """Give the socket up."""
        self._socket.close()

    def _meanings(self, data: bytes) -> Touched:
        touched = NOTHING
        for kind, _flags, _sequence, message in messages(data):
            touched |= self.meaning(kind, message)
        return touched

    def meaning(self, kind: int, message: bytes) -> Touched:
        """What one message says was touched."""
        if kind in LINK and len(message) >= links.START:
            return Touched(links=frozenset({links.BODY.unpack_from(message, HEADER.size)[2]}))
        if kind in ADDRESS and len(message) >= addresses.START:
            index = addresses.BODY.unpack_from(message, HEADER.size)[4]
            return Touched(addresses=frozenset({index}), routing=self._is_needed(message))
        if kind in ROUTE and len(message) >= routes.START:
            return _ROUTING if self._leads_somewhere_needed(message) else NOTHING
        if kind in FILTER and len(message) >= HEADER.size + TC.size:
            return Touched(links=frozenset({TC.unpack_from(message, HEADER.size)[0]}))
        return _ROUTING if kind in RULE or kind in NEXTHOP else NOTHING

    def _is_needed(self, message: bytes) -> bool:
        return any(
            payload in self._needed
            for kind, payload in attributes(message, addresses.START)
            if kind in (addresses.IFA_LOCAL, addresses.IFA_ADDRESS)
        )

    def _leads_somewhere_needed(self, message: bytes) -> bool:
        """A default route, or one to a network that holds a needed address; not one that the kernel only remembers."""
        family, length, *_, flags = routes.BODY.unpack_from(message, HEADER.size)
        if flags & routing.RTM_F_CLONED or family not in routes.FAMILIES:
            return False
        if not length:
            return True
        if not self._needed:
            return False
        network = next((data for kind, data in attributes(message, routes.START) if kind == routes.RTA_DST), b"")
        return any(_holds(network, length, address) for address in self._needed)


def _holds(network: bytes, length: int, address: bytes) -> bool:
    if len(network) != len(address):
        return False
    shift = len(address) * 8 - length
    return int.from_bytes(network, "big") >> shift == int.from_bytes(address, "big") >> shift


def _subscribed() -> socket.socket:
    made = listening(socket.NETLINK_ROUTE, GROUPS)
    with suppress(OSError):  # an older kernel has none
        join(made, NEXTHOPS)
    return made
