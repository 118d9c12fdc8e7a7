"""Hardware types of interfaces in the words that DRANET publishes (``ARPHRD_*`` of linux/if_arp.h)."""

from __future__ import annotations

_NAMES = {
    1: "ether",
    32: "infiniband",
    512: "ppp",
    519: "rawip",
    768: "ipip",
    769: "tunnel6",
    772: "loopback",
    776: "sit",
    778: "gre",
    820: "vsockmon",
    823: "gre6",
    824: "netlink",
    65534: "none",
}


def encapsulation(number: int) -> str:
    """The word for a hardware type."""
    return _NAMES.get(number, f"unknown{number}")
