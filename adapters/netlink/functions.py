"""Virtual functions in the message of their physical function: read from it, and set through it (linux/if_link.h)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from adapters.netlink.codec import Request, attribute, attributes, payloads, u32
from adapters.netlink.links import BODY, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS, RTM_GETLINK, START, setting
from ports.sriov import VLAN_8021Q, VirtualFunction

IFLA_VFINFO_LIST, IFLA_VF_INFO, RTEXT_FILTER_VF = 22, 1, 1 << 0
MAC, VLAN, SPOOF_CHECK, LINK_STATE, RATE, QUERY_RSS, TRUST, VLAN_LIST = 1, 2, 4, 5, 6, 7, 9, 12
VLAN_INFO = 1
UNKNOWN = 0xFFFFFFFF
MAC_BYTES = 6
_TWO, _THREE, _VLAN = struct.Struct("=II"), struct.Struct("=III"), struct.Struct("=III2s2x")
SWITCHES = {"spoof_check": SPOOF_CHECK, "query_rss": QUERY_RSS, "trust": TRUST}


def with_functions(ifindex: int) -> Request:
    """Ask for one link with its virtual functions; of one that has none this asks for nothing more."""
    mask = u32(IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS)
    return Request(kind=RTM_GETLINK, body=BODY.pack(0, 0, ifindex, 0, 0) + mask)


def functions(message: bytes) -> tuple[VirtualFunction, ...]:
    """The virtual functions that a link's message tells of."""
    infos = attributes(payloads(message, START).get(IFLA_VFINFO_LIST, b""), 0)
    return tuple(_function(payloads(info)) for kind, info in infos if kind == IFLA_VF_INFO)


def changes(ifindex: int, wish: VirtualFunction, now: VirtualFunction) -> Iterator[tuple[str, Request]]:
    """The requests that make of one what is wished for, each with its name; the hardware address is the function's own."""
    number = wish.number
    if (wish.vlan, wish.qos, wish.protocol) != (now.vlan, now.qos, now.protocol):
        vlan = _VLAN.pack(number, wish.vlan, wish.qos, struct.pack("!H", wish.protocol))
        yield "vlan", _setting(ifindex, attribute(VLAN_LIST, attribute(VLAN_INFO, vlan)))
    if (wish.min_rate, wish.max_rate) != (now.min_rate, now.max_rate):
        yield "rate", _setting(ifindex, attribute(RATE, _THREE.pack(number, wish.min_rate, wish.max_rate)))
    if wish.link_state is not None and wish.link_state != now.link_state:
        yield "link state", _setting(ifindex, attribute(LINK_STATE, _TWO.pack(number, wish.link_state)))
    for name, kind in SWITCHES.items():
        value = getattr(wish, name)
        if value is not None and value != getattr(now, name):
            yield name.replace("_", " "), _setting(ifindex, attribute(kind, _TWO.pack(number, value)))


def _setting(ifindex: int, what: bytes) -> Request:
    return setting(ifindex, attribute(IFLA_VFINFO_LIST, attribute(IFLA_VF_INFO, what)))


def _function(found: Mapping[int, bytes]) -> VirtualFunction:
    mac = found.get(MAC, bytes(4 + MAC_BYTES))
    (number,) = struct.unpack_from("=I", mac)
    vlan, qos, protocol = _vlan(found)
    _, least, most = _THREE.unpack_from(found[RATE]) if RATE in found else (0, 0, 0)
    return VirtualFunction(
        number=number,
        mac=mac[4 : 4 + MAC_BYTES].hex(":"),
        vlan=vlan,
        qos=qos,
        protocol=protocol,
        min_rate=least,
        max_rate=most,
        link_state=_known(found.get(LINK_STATE)),
        **{
            name: None if (value := _known(found.get(kind))) is None else bool(value) for name, kind in SWITCHES.items()
        },
    )


def _vlan(found: Mapping[int, bytes]) -> tuple[int, int, int]:
    info = payloads(found.get(VLAN_LIST, b"")).get(VLAN_INFO)
    if info is not None:
        _, vlan, qos, protocol = _VLAN.unpack_from(info)
        return vlan, qos, int.from_bytes(protocol, "big") or VLAN_8021Q
    _, vlan, qos = _THREE.unpack_from(found[VLAN]) if VLAN in found else (0, 0, 0)
    return vlan, qos, VLAN_8021Q


def _known(payload: bytes | None) -> int | None:
    value = _TWO.unpack_from(payload)[1] if payload else UNKNOWN
    return None if value == UNKNOWN else int(value)
