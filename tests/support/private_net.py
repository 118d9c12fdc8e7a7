"""Network namespaces for tests: private, nameless, gone when the test lets go of them.

A thread of its own unshares the network and ends; what stays is the descriptor that was opened meanwhile, whose path
under ``/proc/self/fd`` serves like any other. Nothing has to be mounted, and two test runs never meet.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapters.netlink.codec import LINK, Request
from adapters.netlink.namespace import NetlinkNamespace

RTM_NEWLINK, RTM_DELLINK = 16, 17
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
IFF_UP = 1
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def new_namespace() -> int:
    """A descriptor of a new network namespace with a loopback that is down."""
    made: list[int] = []
    errors: list[OSError] = []

    def run() -> None:
        if _libc.unshare(CLONE_NEWNET):
            errors.append(OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET) needs root or a user namespace"))
        else:
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return made[0]


@contextmanager
def private_namespace() -> Iterator[str]:
    """The path of a new network namespace, which ends with the block."""
    descriptor = new_namespace()
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def add_veth(namespace: NetlinkNamespace, name: str, wire: NetlinkNamespace, ifindex: int | None = None) -> None:
    """A pair: ``name`` in the namespace, down, with that index if given; its other end of the same name up in ``wire``."""
    peer = (("IFLA_IFNAME", name), ("IFLA_NET_NS_FD", wire.descriptor))
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": list(peer), "flags": 0, "change": 0})]}
    _create(namespace, name, "veth", data, ifindex)
    other = wire.find(name)
    assert other is not None
    wire.set_up(other.identity.ifindex, True)


def add_link(namespace: NetlinkNamespace, name: str, kind: str, lower: int | None = None) -> int:
    """A link of a kind without settings (bridge, ifb), or upon another (macvlan); its index."""
    _create(namespace, name, kind, None, None, lower)
    made = namespace.find(name)
    assert made is not None
    return made.identity.ifindex


def delete_link(namespace: NetlinkNamespace, ifindex: int) -> None:
    """Take a link away."""
    namespace.socket.change(LINK, Request(kind=RTM_DELLINK, fields={"index": ifindex}), f"interface #{ifindex}")


def set_master(namespace: NetlinkNamespace, ifindex: int, master: int) -> None:
    """Put a link under a bridge."""
    request = Request(kind=RTM_NEWLINK, fields={"index": ifindex}, attributes=(("IFLA_MASTER", master),))
    namespace.socket.change(LINK, request, f"interface #{ifindex}")


def add_alternative_name(namespace: NetlinkNamespace, ifindex: int, name: str) -> None:
    """Give a link another name beside its own."""
    properties = {"attrs": [("IFLA_ALT_IFNAME", name)]}
    request = Request(
        kind=108,  # RTM_NEWLINKPROP
        fields={"index": ifindex},
        attributes=(("IFLA_PROP_LIST", properties),),
        flags=NLM_F_CREATE | NLM_F_EXCL,
    )
    namespace.socket.change(LINK, request, f"interface #{ifindex}")


def _create(
    namespace: NetlinkNamespace,
    name: str,
    kind: str,
    data: Mapping[str, object] | None,
    ifindex: int | None,
    lower: int | None = None,
) -> None:
    info: list[tuple[str, object]] = [("IFLA_INFO_KIND", kind)]
    if data is not None:
        info.append(("IFLA_INFO_DATA", data))
    attributes: list[tuple[str, object]] = [("IFLA_IFNAME", name), ("IFLA_LINKINFO", {"attrs": info})]
    if lower is not None:
        attributes.append(("IFLA_LINK", lower))
    request = Request(
        kind=RTM_NEWLINK,
        fields={"index": ifindex or 0},
        attributes=tuple(attributes),
        flags=NLM_F_CREATE | NLM_F_EXCL,
    )
    namespace.socket.change(LINK, request, f"interface {name}")
