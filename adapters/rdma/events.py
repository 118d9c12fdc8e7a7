"""The RDMA subsystem's notifications (``rdma monitor``), where the kernel has them.

They tell what device events do not: that a network interface was bound to a port or left it, and new names. A kernel
without them (before 6.12) has no such group; then device events and the events of the interfaces have to do.
"""

from __future__ import annotations

import logging
import socket

from adapters.rdma import codec
from adapters.talk.listening import heard, listening
from ports.touched import NOTHING, Touched

log = logging.getLogger("knd.rdma")

NOTIFY = 4  # RDMA_NL_GROUP_NOTIFY, rdma/rdma_netlink.h
AT_ONCE = 64  # datagrams


class RdmaEvents:
    """Implements ``ports.discovery.EventSource`` for the network namespace of the thread that makes it."""

    def __init__(self, subscribed: socket.socket) -> None:
        self._socket = subscribed

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._socket.fileno()

    def read(self) -> Touched:
        """What the next events touched."""
        return heard(self._socket, AT_ONCE, "RDMA events", _meanings)

    def close(self) -> None:
        """Give the socket up."""
        self._socket.close()


def _meanings(data: bytes) -> Touched:
    touched = NOTHING
    for _kind, _flags, _sequence, message in codec.messages(data):
        touched |= meaning(message)
    return touched


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
        return RdmaEvents(listening(codec.NETLINK_RDMA, (NOTIFY,)))
    except OSError as error:
        log.info("no RDMA notifications, device events have to do: %s", error)
        return None
