"""IP addresses of a link: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from socket import AF_INET, AF_INET6

from adapters.netlink.codec import ADDRESS, Request, decode
from ports.devices import Address

RTM_NEWADDR, RTM_GETADDR = 20, 22
IFA_F_TEMPORARY, IFA_F_NODAD, IFA_F_MANAGETEMPADDR = 0x01, 0x02, 0x100
IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL = 1, 3
FAMILIES = {4: AF_INET, 6: AF_INET6}


def of_link(ifindex: int) -> Request:
    """Ask for the addresses of one link (filtered in the kernel where it checks strictly)."""
    return Request(kind=RTM_GETADDR, fields={"index": ifindex})


def adding(ifindex: int, address: Address) -> Request:
    """Add an address. IPv6 duplicate detection is skipped: it would hold the address back for a second."""
    interface = ip_interface(address.prefix)
    ipv6 = interface.version == 6
    fields = {
        "family": FAMILIES[interface.version],
        "prefixlen": interface.network.prefixlen,
        "flags": IFA_F_NODAD if ipv6 else 0,
        "scope": address.scope,
        "index": ifindex,
    }
    local = str(interface.ip)
    attributes = (("IFA_LOCAL", local), ("IFA_ADDRESS", local))
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
    return Address(prefix=f"{text}/{decoded['prefixlen']}", scope=decoded["scope"])


def _comes_by_itself(family: int, found: dict[str, int]) -> bool:
    """Whether the kernel makes it: loopback, or IPv6 autoconfiguration (told by protocol since 5.18, by flags before)."""
    if IFAPROT_KERNEL_LO <= found.get("IFA_PROTO", 0) <= IFAPROT_KERNEL_LL:
        return True
    return family == AF_INET6 and bool(found.get("IFA_FLAGS", 0) & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR))
