"""VRF devices: a routing table of its own for the links that are its ports (Documentation/networking/vrf.rst)."""

from __future__ import annotations

import struct

from adapters.netlink.codec import LINK, Request, attribute, payloads
from adapters.netlink.links import IFF_UP, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, number, raw_name, text

RTM_NEWLINK = 16
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
IFLA_INFO_DATA = 2
IFLA_VRF_TABLE = 1
KIND = "vrf"
ACCEPTING = ("ipv4/tcp_l3mdev_accept", "ipv4/udp_l3mdev_accept")  # a socket of the pod serves its VRFs too
_BODY = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_NUMBER = struct.Struct("=I")


def creating(name: str, table: int) -> Request:
    """A new VRF, up."""
    data = attribute(IFLA_INFO_DATA, attribute(IFLA_VRF_TABLE, _NUMBER.pack(table)))
    info = attribute(IFLA_INFO_KIND, KIND.encode() + b"\0") + data
    raw = (
        _BODY.pack(0, 0, 0, IFF_UP, IFF_UP)
        + attribute(IFLA_IFNAME, raw_name(name) + b"\0")
        + attribute(IFLA_LINKINFO, info)
    )
    return Request(kind=RTM_NEWLINK, raw=raw, flags=NLM_F_CREATE | NLM_F_EXCL)


def table(message: bytes) -> int | None:
    """The routing table of the VRF that a message describes; None for another kind of link."""
    info = payloads(payloads(message, LINK.start).get(IFLA_LINKINFO, b""), 0)
    if text(info.get(IFLA_INFO_KIND)) != KIND:
        return None
    return number(payloads(info.get(IFLA_INFO_DATA, b""), 0).get(IFLA_VRF_TABLE))
