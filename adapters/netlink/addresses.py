"""IP addresses of a link: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_interface
from socket import AF_INET, AF_INET6
from typing import Any

from adapters.netlink.codec import ADDRESS, Request, decode
from ports.devices import Address

RTM_NEWADDR, RTM_GETADDR = 20, 22
IFA_F_TEMPORARY, IFA_F_NODAD, IFA_F_MANAGETEMPADDR = 0x01, 0x02, 0x100
IFA_F_NOPREFIXROUTE = 0x200
IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL = 1, 3
FAMILIES = {4: AF_INET, 6: AF_INET6}


def of_link(ifindex: int) -> Request:
    """Ask for the addresses of one link (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETADDR, fields={"index": ifindex})


def adding(ifindex: int, address: Address) -> Request:
    """Add an address. IPv6 duplicate detection is skipped: it would hold the address back for a second."""
    interface = ip_interface(address.prefix)
    fields = {
        "family": FAMILIES[interface.version],
        "prefixlen": interface.network.prefixlen,
        "scope": address.scope,
        "index": ifindex,
    }
    local = str(interface.ip)
    attributes = (("IFA_LOCAL", local), ("IFA_ADDRESS", local), *_optional(address, interface.version))
    return Request(kind=RTM_NEWADDR, fields=fields, attributes=attributes)


def address(message: bytes, ifindex: int) -> Address | None:
    """The address that a message describes; None for another link's and for those that come by themselves."""
    decoded = decode(ADDRESS, message)
    found = dict(decoded["attrs"])
    text = found.get("IFA_LOCAL") or found.get("IFA_ADDRESS")
    if decoded["index"] != ifindex or not text or ip_address(text).is_link_local:
        return None
    if _comes_by_itself(decoded["family"], found):
        return None
    return Address(
        prefix=f"{text}/{decoded['prefixlen']}",
        scope=decoded["scope"],
        broadcast=found.get("IFA_BROADCAST"),
        no_prefix_route=bool(found.get("IFA_FLAGS", 0) & IFA_F_NOPREFIXROUTE),
        metric=found.get("IFA_RT_PRIORITY", 0),
    )


def _optional(address: Address, version: int) -> Iterator[tuple[str, Any]]:
    flags = (IFA_F_NODAD if version == 6 else 0) | (IFA_F_NOPREFIXROUTE if address.no_prefix_route else 0)
    if flags:
        yield "IFA_FLAGS", flags
    if address.broadcast:
        yield "IFA_BROADCAST", address.broadcast
    if address.metric:
        yield "IFA_RT_PRIORITY", address.metric


def _comes_by_itself(family: int, found: dict[str, int]) -> bool:
    """Whether the kernel makes it: loopback, or IPv6 autoconfiguration (told by protocol since 5.18, by flags before)."""
    if IFAPROT_KERNEL_LO <= found.get("IFA_PROTO", 0) <= IFAPROT_KERNEL_LL:
        return True
    return family == AF_INET6 and bool(found.get("IFA_FLAGS", 0) & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR))
