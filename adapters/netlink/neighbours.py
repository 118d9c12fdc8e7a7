"""Permanent neighbours of a link: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import HEADER, NLM_F_CREATE, NLM_F_REPLACE, Request, attribute, payloads, printed, u32
from ports.devices import Neighbour

RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
NUD_PERMANENT = 0x80
NTF_PROXY = 0x08
NDA_DST, NDA_LLADDR, NDA_IFINDEX = 1, 2, 8
_BODY = struct.Struct("=B3xiHBB")  # ndmsg: family, index, state, flags, type
START = HEADER.size + _BODY.size


def of_link(ifindex: int) -> Request:
    """Ask for the neighbours of one link, both families (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETNEIGH, body=_BODY.pack(0, 0, 0, 0, 0) + u32(NDA_IFINDEX, ifindex))


def adding(ifindex: int, neighbour: Neighbour) -> Request:
    """Add a permanent entry, or make what is there into it."""
    address = ip_address(neighbour.address)
    body = _BODY.pack(AF_INET if address.version == 4 else AF_INET6, ifindex, NUD_PERMANENT, 0, 0)
    mac = bytes.fromhex(neighbour.mac.replace(":", "").replace("-", ""))
    body += attribute(NDA_DST, address.packed) + attribute(NDA_LLADDR, mac)
    return Request(kind=RTM_NEWNEIGH, body=body, flags=NLM_F_CREATE | NLM_F_REPLACE)


def neighbour(message: bytes, ifindex: int) -> Neighbour | None:
    """The permanent neighbour that a message describes; None for others: learned, proxies, another link's."""
    family, index, state, flags, _kind = _BODY.unpack_from(message, HEADER.size)
    found = payloads(message, START)
    if index != ifindex or family not in (AF_INET, AF_INET6) or not state & NUD_PERMANENT or flags & NTF_PROXY:
        return None
    if NDA_DST not in found or NDA_LLADDR not in found:
        return None
    return Neighbour(address=printed(found[NDA_DST]), mac=found[NDA_LLADDR].hex(":"))
