"""The RDMA subsystem's notifications (``rdma monitor``), where the kernel has them.

They tell what device events do not: that a network interface was bound to a port or left it, and new names. A kernel
without them (before 6.12) has no such group; then device events and the events of the interfaces have to do.
"""

from __future__ import annotations

import errno
import logging
import socket

from adapters.rdma import codec
from ports.errors import Code, Failure
from ports.touched import EVERYTHING, NOTHING, Touched

log = logging.getLogger("knd.rdma")

NOTIFY = 4  # RDMA_NL_GROUP_NOTIFY, rdma/rdma_netlink.h
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
AT_ONCE = 64  # events


class RdmaEvents:
    """Implements ``ports.discovery.EventSource`` for the network namespace of the thread that makes it."""

    def __init__(self, subscribed: socket.socket) -> None:
        self._socket = subscribed

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._socket.fileno()

    def read(self) -> Touched:
        """What the next events touched."""
        touched = NOTHING
        for _ in range(AT_ONCE):
            try:
                data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise Failure(Code.KERNEL, "RDMA events", str(error)) from error
                log.info("RDMA events came faster than they were read: everything is looked at again")
                return EVERYTHING
            for _kind, _flags, _sequence, message in codec.messages(data):
                touched |= meaning(message)
        return touched

    def close(self) -> None:
        """Give the socket up."""
        self._socket.close()


def meaning(message: bytes) -> Touched:
    """What a notification says was touched: the device, and the interface that is named with it."""
    found = codec.attributes(message)
    name = codec.as_text(found.get(codec.Attribute.DEV_NAME, b""))
    index = found.get(codec.Attribute.NDEV_INDEX)
    links = frozenset({codec.as_number(index)} if index else ())
    return Touched(rdma=frozenset({name}), links=links)


def subscribe() -> RdmaEvents | None:
    """The notifications; None where the kernel has none, or no RDMA at all."""
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, codec.NETLINK_RDMA)
    except OSError as error:
        log.info("no RDMA notifications: %s", error)
        return None
    try:
        made.bind((0, 0))
        made.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NOTIFY)
    except OSError as error:
        made.close()
        log.info("no RDMA notifications, device events have to do: %s", error)
        return None
    return RdmaEvents(made)
