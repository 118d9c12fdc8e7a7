"""Network namespaces for tests: private, nameless, gone when the test lets go of them.

A thread of its own unshares the network and ends; what stays is the descriptor that was opened meanwhile, whose path
under ``/proc/self/fd`` serves like any other. Nothing has to be mounted, and two test runs never meet.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.netlink.codec import NLM_F_CREATE, NLM_F_EXCL, Request, attribute, string, u32
from adapters.netlink.links import BODY, IFLA_IFNAME, IFLA_LINK, IFLA_LINKINFO, IFLA_NET_NS_FD, setting, under
from adapters.netlink.namespace import NetlinkNamespace

RTM_NEWLINK, RTM_DELLINK = 16, 17
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
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
    peer = BODY.pack(0, 0, 0, 0, 0) + string(IFLA_IFNAME, name) + u32(IFLA_NET_NS_FD, wire.descriptor)
    _create(namespace, name, "veth", attribute(VETH_INFO_PEER, peer), ifindex=ifindex)
    other = wire.find(name)
    assert other is not None
    wire.set_up(other.identity.ifindex, True)


def add_link(namespace: NetlinkNamespace, name: str, kind: str, lower: int | None = None) -> int:
    """A link of a kind without settings (bridge, ifb), or upon another (macvlan); its index."""
    _create(namespace, name, kind, lower=lower)
    made = namespace.find(name)
    assert made is not None
    return made.identity.ifindex


def delete_link(namespace: NetlinkNamespace, ifindex: int) -> None:
    """Take a link away."""
    namespace.socket.change(Request(kind=RTM_DELLINK, body=BODY.pack(0, 0, ifindex, 0, 0)), f"interface #{ifindex}")


def set_master(namespace: NetlinkNamespace, ifindex: int, master: int) -> None:
    """Put a link under a bridge."""
    namespace.socket.change(setting(ifindex, under(master)), f"interface #{ifindex}")


def _create(
    namespace: NetlinkNamespace,
    name: str,
    kind: str,
    data: bytes | None = None,
    *,
    ifindex: int | None = None,
    lower: int | None = None,
) -> None:
    info = string(IFLA_INFO_KIND, kind) + (b"" if data is None else attribute(IFLA_INFO_DATA, data))
    body = BODY.pack(0, 0, ifindex or 0, 0, 0) + string(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
    if lower is not None:
        body += u32(IFLA_LINK, lower)
    request = Request(kind=RTM_NEWLINK, body=body, flags=NLM_F_CREATE | NLM_F_EXCL)
    namespace.socket.change(request, f"interface {name}")
