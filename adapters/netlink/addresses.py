"""IP addresses of a link: requests about them, and rtnetlink's answers as values.

A lifetime runs on: as a fact it is told apart from the address, as the time at which it ends.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_interface
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import (
    HEADER,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Request,
    attribute,
    number,
    payloads,
    printed,
    string,
    text,
    u32,
)
from ports.devices import Address, Expiry, Lifetime

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO, IFA_FLAGS = 1, 2, 3, 4, 6, 8
IFA_RT_PRIORITY, IFA_PROTO = 9, 11
IFA_F_TEMPORARY, IFA_F_NODAD, IFA_F_DEPRECATED, IFA_F_MANAGETEMPADDR = 0x01, 0x02, 0x20, 0x100
IFA_F_NOPREFIXROUTE = 0x200
IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL = 1, 3
FAMILIES = {4: AF_INET, 6: AF_INET6}
LINK_LOCAL, LINK_LOCAL_MASK = 0xFE80, 0xFFC0  # fe80::/10: the first 16 bits
FOR_EVER = 0xFFFFFFFF  # INFINITY_LIFE_TIME, net/addrconf.h
A_BOOT = 1 << 30  # seconds that no boot lasts
_LIFETIME = struct.Struct("=IIII")  # ifa_cacheinfo: preferred, valid (seconds from now), created, updated
BODY = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
START = HEADER.size + BODY.size


def of_link(ifindex: int) -> Request:
    """Ask for the addresses of one link (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETADDR, body=BODY.pack(0, 0, 0, 0, ifindex))


def adding(ifindex: int, address: Address, now: float) -> Request:
    """Add an address. Unless asked for, IPv6 duplicate detection is skipped: it would hold the address back for a second.

    With a lifetime (which ``now`` is in), one that is there gets that.
    """
    body = _about(ifindex, address) + b"".join(_optional(address, ip_interface(address.prefix).version))
    if address.lifetime is None:
        return Request(kind=RTM_NEWADDR, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)
    preferred, valid = (
        _seconds(until - now) for until in (address.lifetime.preferred_until, address.lifetime.valid_until)
    )
    body += attribute(IFA_CACHEINFO, _LIFETIME.pack(min(preferred, valid), valid, 0, 0))
    return Request(kind=RTM_NEWADDR, body=body, flags=NLM_F_CREATE | NLM_F_REPLACE)


def removing(ifindex: int, address: Address) -> Request:
    """Remove an address."""
    return Request(kind=RTM_DELADDR, body=_about(ifindex, address))


def address(message: bytes, ifindex: int) -> Address | None:
    """The address that a message describes; None for another link's and for those that come by themselves."""
    family, length, _, scope, index = BODY.unpack_from(message, HEADER.size)
    if index != ifindex:
        return None
    found = payloads(message, START)
    packed = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS)
    if not packed or family not in FAMILIES.values():
        return None
    flags, protocol, label = (
        number(found.get(IFA_FLAGS)) or 0,
        number(found.get(IFA_PROTO)) or 0,
        text(found.get(IFA_LABEL)),
    )
    if _comes_by_itself(family, packed, flags, protocol):
        return None
    return Address(
        prefix=f"{printed(packed)}/{length}",
        peer=printed(found[IFA_ADDRESS]) if found.get(IFA_ADDRESS, packed) != packed else None,
        scope=scope,
        broadcast=printed(found[IFA_BROADCAST]) if IFA_BROADCAST in found else None,
        no_prefix_route=bool(flags & IFA_F_NOPREFIXROUTE),
        metric=number(found.get(IFA_RT_PRIORITY)) or 0,
        label=label if ":" in label else "",
        protocol=protocol,
    )


def expiry(message: bytes, ifindex: int, now: float) -> Expiry | None:
    """Until when the address is there that a message describes; None where that is for ever, and where ``address`` is."""
    found = address(message, ifindex)
    told = payloads(message, START)
    if found is None or IFA_CACHEINFO not in told:
        return None
    preferred, valid = _LIFETIME.unpack_from(told[IFA_CACHEINFO])[:2]
    if (number(told.get(IFA_FLAGS)) or 0) & IFA_F_DEPRECATED:  # of one for ever, IPv4 tells it by this alone
        preferred = 0
    if preferred == valid == FOR_EVER:
        return None
    lifetime = Lifetime(preferred_until=now + preferred, valid_until=now + valid)
    return Expiry(prefix=found.prefix, lifetime=lifetime)


def _about(ifindex: int, address: Address) -> bytes:
    interface = ip_interface(address.prefix)
    family, length = FAMILIES[interface.version], interface.network.prefixlen
    other = ip_address(address.peer) if address.peer else interface.ip
    body = BODY.pack(family, length, 0, address.scope, ifindex)
    return body + attribute(IFA_LOCAL, interface.ip.packed) + attribute(IFA_ADDRESS, other.packed)


def _seconds(left: float) -> int:
    """As the kernel counts; it takes no 0 for a valid lifetime. A lifetime without end has run on a little, too."""
    return FOR_EVER if left > FOR_EVER - A_BOOT else max(0, min(int(left), FOR_EVER - 1))


def _optional(address: Address, version: int) -> Iterator[bytes]:
    flags = (IFA_F_NODAD if version == 6 and not address.dad else 0) | (
        IFA_F_NOPREFIXROUTE if address.no_prefix_route else 0
    )
    if flags:
        yield u32(IFA_FLAGS, flags)
    if address.broadcast:
        yield attribute(IFA_BROADCAST, ip_address(address.broadcast).packed)
    if address.metric:
        yield u32(IFA_RT_PRIORITY, address.metric)
    if address.label:
        yield string(IFA_LABEL, address.label)
    if address.protocol:
        yield attribute(IFA_PROTO, bytes([address.protocol]))


def _comes_by_itself(family: int, packed: bytes, flags: int, protocol: int) -> bool:
    """Whether the kernel makes it: loopback, or IPv6 autoconfiguration (told by protocol since 5.18, by flags before).

    A kernel that does not tell who made an address has made any in fe80::/10, as far as anybody can know.
    """
    if IFAPROT_KERNEL_LO <= protocol <= IFAPROT_KERNEL_LL:
        return True
    if family == AF_INET:
        return False
    return bool(flags & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR)) or (_is_link_local(packed) and not _tells_makers())


def _is_link_local(packed: bytes) -> bool:
    return int.from_bytes(packed[:2], "big") & LINK_LOCAL_MASK == LINK_LOCAL


@cache
def _tells_makers() -> bool:
    """Whether this kernel has IFA_PROTO (5.18)."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return release is not None and (int(release[1]), int(release[2])) >= (5, 18)
