"""VRF devices: a routing table of its own for the links that are its ports (Documentation/networking/vrf.rst)."""

from __future__ import annotations

from adapters.netlink.codec import NLM_F_CREATE, NLM_F_EXCL, Request, attribute, number, payloads, string, text, u32
from adapters.netlink.links import BODY, IFF_UP, IFLA_IFNAME, IFLA_INFO_KIND, IFLA_LINKINFO, START

RTM_NEWLINK = 16
IFLA_INFO_DATA = 2
IFLA_VRF_TABLE = 1
KIND = "vrf"
ACCEPTING = ("ipv4/tcp_l3mdev_accept", "ipv4/udp_l3mdev_accept")  # a socket of the pod serves its VRFs too


def creating(name: str, table: int) -> Request:
    """A new VRF, up."""
    data = attribute(IFLA_INFO_DATA, u32(IFLA_VRF_TABLE, table))
    info = attribute(IFLA_LINKINFO, string(IFLA_INFO_KIND, KIND) + data)
    body = BODY.pack(0, 0, 0, IFF_UP, IFF_UP) + string(IFLA_IFNAME, name) + info
    return Request(kind=RTM_NEWLINK, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)


def table(message: bytes) -> int | None:
    """The routing table of the VRF that a message describes; None for another kind of link."""
    info = payloads(payloads(message, START).get(IFLA_LINKINFO, b""))
    if text(info.get(IFLA_INFO_KIND)) != KIND:
        return None
    return number(payloads(info.get(IFLA_INFO_DATA, b"")).get(IFLA_VRF_TABLE))
