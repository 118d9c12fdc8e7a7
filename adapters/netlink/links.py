"""Links: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.netlink.codec import HEADER, Request, attribute, number, payloads, string, text, u32
from adapters.netlink.pci import PciAddresses
from ports.devices import SETTABLE_FLAGS, Identity, Link
from ports.encapsulation import encapsulation

RTM_GETLINK, RTM_SETLINK = 18, 19
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_OPERSTATE, IFLA_LINKINFO = 1, 3, 4, 5, 10, 16, 18
IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_ALT_IFNAME = 28, 29, 53
IFLA_LINK_NETNSID, IFLA_MIN_MTU, IFLA_MAX_MTU, IFLA_PERM_ADDRESS = 37, 50, 51, 54
IFLA_CARRIER_DOWN_COUNT = 48
IFLA_PARENT_DEV_NAME, IFLA_PARENT_DEV_BUS_NAME, IFLA_NEW_IFINDEX = 56, 57, 49
IFLA_INFO_KIND = 1
RTEXT_FILTER_SKIP_STATS = 1 << 3
MAX_NAME = 15  # IFNAMSIZ - 1; longer names are alternative names
STATES = ("unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up")  # IF_OPER_*, RFC 2863
BODY = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
START = HEADER.size + BODY.size
_NO_STATS = u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """How a link stands to others of its namespace: under a master (bond, bridge), on a lower link (VLAN, macvlan)."""

    ifindex: int
    master: int | None = None
    lower: int | None = None


def by_index(ifindex: int) -> Request:
    """Ask for one link by index."""
    return Request(kind=RTM_GETLINK, body=_about(ifindex) + _NO_STATS)


def by_name(name: str) -> Request:
    """Ask for one link by its name or an alternative name."""
    kind = IFLA_IFNAME if len(name.encode("utf-8", "surrogateescape")) <= MAX_NAME else IFLA_ALT_IFNAME
    return Request(kind=RTM_GETLINK, body=_about(0) + string(kind, name) + _NO_STATS)


def every() -> Request:
    """Ask for all links."""
    return Request(kind=RTM_GETLINK, body=_about(0) + _NO_STATS)


def ports_of(master: int) -> Request:
    """Ask for the links under a master (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETLINK, body=_about(0) + under(master) + _NO_STATS)


def setting(ifindex: int, *wanted: bytes) -> Request:
    """Change attributes of a link."""
    return Request(kind=RTM_SETLINK, body=_about(ifindex) + b"".join(wanted))


def moving(ifindex: int, namespace: int, name: str, wanted: int | None = None) -> Request:
    """Move a link to the namespace of that descriptor under that name, in one message; ``wanted`` is its index there.

    Without that it keeps its own one where it is free. Kernels before 5.13 take no notice of it.
    """
    index = b"" if wanted in (None, ifindex) else u32(IFLA_NEW_IFINDEX, wanted or 0)
    return setting(ifindex, u32(IFLA_NET_NS_FD, namespace), naming(name), index)


def naming(name: str) -> bytes:
    """The attribute of a link's name."""
    return string(IFLA_IFNAME, name)


def sized(mtu: int) -> bytes:
    """The attribute of a link's MTU."""
    return u32(IFLA_MTU, mtu)


def addressed(mac: str) -> bytes:
    """The attribute of a link's hardware address."""
    return attribute(IFLA_ADDRESS, bytes.fromhex(mac.replace("-", "").replace(":", "")))


def under(master: int) -> bytes:
    """The attribute of a link's master; 0: none."""
    return u32(IFLA_MASTER, master)


def switching(ifindex: int, up: bool) -> Request:
    """Set a link up or down."""
    return Request(kind=RTM_SETLINK, body=BODY.pack(0, 0, ifindex, IFF_UP if up else 0, IFF_UP))


def flagging(ifindex: int, flags: int) -> Request:
    """Set the flags that people set."""
    return Request(kind=RTM_SETLINK, body=BODY.pack(0, 0, ifindex, flags & SETTABLE_FLAGS, SETTABLE_FLAGS))


def relation(message: bytes) -> Relation:
    """The link's relations. A lower link in another namespace is none of ours."""
    found = payloads(message, START)
    here = IFLA_LINK_NETNSID not in found
    return Relation(
        ifindex=BODY.unpack_from(message, HEADER.size)[2],
        master=number(found.get(IFLA_MASTER)),
        lower=(number(found.get(IFLA_LINK)) or None) if here else None,
    )


def link(message: bytes, pci: PciAddresses) -> Link:
    """The link that a message describes."""
    found = payloads(message, START)
    _family, hardware, ifindex, flags, _change = BODY.unpack_from(message, HEADER.size)
    return Link(
        identity=_identity(ifindex, found, pci),
        name=text(found.get(IFLA_IFNAME)),
        mac=_hardware(found.get(IFLA_ADDRESS)),
        mtu=number(found.get(IFLA_MTU)) or 0,
        up=bool(flags & IFF_UP),
        flags=flags & SETTABLE_FLAGS,
        carrier_losses=number(found.get(IFLA_CARRIER_DOWN_COUNT)),
        min_mtu=number(found.get(IFLA_MIN_MTU)) or 0,
        max_mtu=number(found.get(IFLA_MAX_MTU)) or 0,
        master=number(found.get(IFLA_MASTER)),
        loopback=bool(flags & IFF_LOOPBACK),
        operstate=_state(found.get(IFLA_OPERSTATE)),
        encapsulation=encapsulation(hardware),
    )


def _about(ifindex: int) -> bytes:
    return BODY.pack(0, 0, ifindex, 0, 0)


def _identity(ifindex: int, found: Mapping[int, bytes], pci: PciAddresses) -> Identity:
    info = payloads(found.get(IFLA_LINKINFO, b""))
    bus, device = text(found.get(IFLA_PARENT_DEV_BUS_NAME)), text(found.get(IFLA_PARENT_DEV_NAME))
    address = pci(bus, device) if bus and device else None
    lasting = address is None or not pci.is_virtual(address)
    return Identity(
        ifindex=ifindex,
        link_kind=text(info.get(IFLA_INFO_KIND)),
        pci_address=address,
        permanent_address=(_hardware(found.get(IFLA_PERM_ADDRESS)) or None) if lasting else None,
    )


def _state(payload: bytes | None) -> str:
    return STATES[payload[0]] if payload and payload[0] < len(STATES) else STATES[0]


def _hardware(payload: bytes | None) -> str:
    return payload.hex(":") if payload else ""
