"""The texts in parameters: names, MAC addresses, IP addresses and networks, as strict as DRANET reads them.

Python's ``ipaddress`` takes more than Go does (``10.0.0.1/255.255.255.0``, zones), so that is refused first.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_NAME_BYTES = 15  # IFNAMSIZ - 1, linux/if.h
MAX_ALTERNATIVE_NAME_BYTES = 127  # ALTIFNAMSIZ - 1, linux/if_link.h
RESERVED_NAMES = frozenset({"lo", "eth0"})
MAC = re.compile(r"[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}")
_PREFIX = re.compile(r"[^/%]+/[0-9]{1,3}")
_PAIRS = re.compile(r"[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(\1[0-9a-fA-F]{2})*")
_DOTTED = re.compile(r"[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4})+")
_MAC_BYTES = (6, 8, 20)  # EUI-48, EUI-64, IP over InfiniBand: what Go's net.ParseMAC takes


def name_mistakes(name: str) -> Iterator[str]:
    """What is wrong with an interface name, if anything (dev_valid_name in net/core/dev.c; DRANET's rules on top)."""
    yield from label_mistakes(name, MAX_NAME_BYTES)
    if name in RESERVED_NAMES:
        yield f"{name!r} belongs to the pod's own network"


def label_mistakes(name: str, most: int) -> Iterator[str]:
    """The same for a name that may be that of another interface of the pod; ``most`` in bytes."""
    if len(name.encode("utf-8", "surrogatepass")) > most:
        yield f"{name!r} is longer than {most} bytes"
    if name in ("", ".", "..") or not all(char.isalnum() or char in "-_." for char in name):
        yield f"{name!r} may hold only letters, digits, '-', '_' and '.'"


def mac(text: str) -> str | None:
    """A hardware address as the kernel prints it, from any of the three ways to write one; None for what is none."""
    if not (_PAIRS.fullmatch(text) or _DOTTED.fullmatch(text)):
        return None
    data = bytes.fromhex(re.sub(r"[:.-]", "", text))
    return data.hex(":") if len(data) in _MAC_BYTES else None


def interface(text: str) -> IPInterface | None:
    """An address with prefix length, the host bits kept."""
    try:
        return ipaddress.ip_interface(text) if _PREFIX.fullmatch(text) else None
    except ValueError:
        return None


def network(text: str) -> IPNetwork | None:
    """A network; host bits are dropped, as DRANET does."""
    found = interface(text)
    return None if found is None else found.network


def address(text: str) -> IPAddress | None:
    """An address without prefix length and zone."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None
