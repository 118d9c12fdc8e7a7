"""Links: requests about them, and rtnetlink's answers as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.netlink.codec import LINK, Request, decode
from ports.devices import Identity, Link

RTM_GETLINK, RTM_SETLINK = 18, 19
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
RTEXT_FILTER_SKIP_STATS = 1 << 3
MAX_NAME = 15  # IFNAMSIZ - 1; longer names are alternative names
FindPci = Callable[[str, str], "str | None"]
STATES = {"LOWERLAYERDOWN": "lower-layer-down", "NOTPRESENT": "not-present"}
_NO_STATS = ("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """A link and the one below it; None when there is none or it is in another namespace."""

    link: Link
    lower: int | None


def by_index(ifindex: int) -> Request:
    """Ask for one link by index."""
    return Request(kind=RTM_GETLINK, fields={"index": ifindex}, attributes=(_NO_STATS,))


def by_name(name: str) -> Request:
    """Ask for one link by its name or an alternative name."""
    attribute = "IFLA_IFNAME" if len(_raw(name)) <= MAX_NAME else "IFLA_ALT_IFNAME"
    return Request(kind=RTM_GETLINK, attributes=((attribute, _raw(name)), _NO_STATS))


def every() -> Request:
    """Ask for all links."""
    return Request(kind=RTM_GETLINK, attributes=(_NO_STATS,))


def setting(ifindex: int, *attributes: tuple[str, Any]) -> Request:
    """Change a link."""
    return Request(kind=RTM_SETLINK, fields={"index": ifindex}, attributes=attributes)


def moving(ifindex: int, namespace: int, name: str) -> Request:
    """Move a link to the namespace of that descriptor under that name, in one message."""
    return setting(ifindex, ("IFLA_NET_NS_FD", namespace), naming(name))


def naming(name: str) -> tuple[str, bytes]:
    """The attribute of a link's name."""
    return "IFLA_IFNAME", _raw(name)


def switching(ifindex: int, up: bool) -> Request:
    """Set a link up or down."""
    fields = {"index": ifindex, "flags": IFF_UP if up else 0, "change": IFF_UP}
    return Request(kind=RTM_SETLINK, fields=fields)


def link(message: bytes, pci: FindPci) -> Link:
    """The link that a message describes; ``pci`` finds the PCI function of a (bus, device name)."""
    return related(message, pci).link


def related(message: bytes, pci: FindPci) -> Related:
    """The link with the link below it."""
    decoded = decode(LINK, message)
    found = dict(decoded["attrs"])
    value = Link(
        identity=_identity(decoded, found, pci),
        name=_text(found.get("IFLA_IFNAME", "")),
        mac=found.get("IFLA_ADDRESS", ""),
        mtu=found.get("IFLA_MTU", 0),
        up=bool(decoded["flags"] & IFF_UP),
        min_mtu=found.get("IFLA_MIN_MTU", 0),
        max_mtu=found.get("IFLA_MAX_MTU", 0),
        master=found.get("IFLA_MASTER"),
        loopback=bool(decoded["flags"] & IFF_LOOPBACK),
        operstate=_state(found.get("IFLA_OPERSTATE", "UNKNOWN")),
    )
    here = "IFLA_LINK_NETNSID" not in found
    return Related(link=value, lower=(found.get("IFLA_LINK") or None) if here else None)


def _identity(decoded: Any, found: dict[str, Any], pci: FindPci) -> Identity:
    info = found.get("IFLA_LINKINFO")
    bus, device = found.get("IFLA_PARENT_DEV_BUS_NAME"), found.get("IFLA_PARENT_DEV_NAME")
    return Identity(
        ifindex=decoded["index"],
        link_kind=(info.get_attr("IFLA_INFO_KIND") or "") if info is not None else "",
        pci_address=pci(_text(bus), _text(device)) if bus and device else None,
        permanent_address=found.get("IFLA_PERM_ADDRESS"),
    )


def _state(name: str) -> str:
    return STATES.get(name, name.lower())


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
