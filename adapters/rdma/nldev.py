"""What is asked of the kernel about RDMA devices, in the namespace that the conversation is held in."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from adapters.rdma.codec import Attribute, Attributes, Command, as_number, as_text, number, text
from adapters.rdma.nodes import SMI, node
from adapters.rdma.socket import RdmaError, Talk
from ports.devices import DeviceNode, RdmaLink

SHARED = 1
STATES = {1: "down", 2: "init", 3: "armed", 4: "active", 5: "active-defer"}  # ib_port_state, rdma/ib_verbs.h
NO_SUCH_DEVICE = frozenset({errno.ENODEV, errno.EINVAL})  # the latter from a dump of ports
NO_SUCH_NODE = frozenset({errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.EINVAL})


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """One port; ``interface`` is the index of its network interface where that is in this namespace, else None.

    ``state`` is as in ``ports.hardware.RdmaPort``.
    """

    number: int
    interface: int | None
    state: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """An RDMA device as its namespace shows it. ``protocol`` is ib, roce, iw, opa, usnic, or empty (EFA)."""

    rdma: RdmaLink
    protocol: str


def exclusive(talk: Talk) -> bool:
    """Whether each device belongs to one namespace; kernels before 5.2, which do not tell, share them all."""
    mode = talk.ask(Command.SYS_GET, "RDMA mode").get(Attribute.SYS_NETNS_MODE)
    return mode is not None and as_number(mode) != SHARED


def devices(talk: Talk) -> tuple[Seen, ...]:
    """All devices that this namespace shows, by name."""
    return tuple(sorted(map(_seen, talk.dump(Command.GET, "RDMA devices")), key=lambda seen: seen.rdma.name))


def ports(talk: Talk, rdma: RdmaLink) -> tuple[Port, ...]:
    """The device's ports by number; none for a device that has gone meanwhile."""
    try:
        found = talk.dump(Command.PORT_GET, _named(rdma), number(Attribute.DEV_INDEX, rdma.index))
    except RdmaError as error:
        if error.errno in NO_SUCH_DEVICE:
            return ()
        raise
    return tuple(sorted((_port(port) for port in found), key=lambda port: port.number))


def owner(talk: Talk, rdma: RdmaLink) -> int | None:
    """The interface of its first port that has one here: the other ports of a switch's device are representors."""
    return next((port.interface for port in ports(talk, rdma) if port.interface is not None), None)


def move(talk: Talk, rdma: RdmaLink, target: int) -> None:
    """Move the device to the namespace of that descriptor. A name in the same message would make the kernel only rename."""
    index, descriptor = number(Attribute.DEV_INDEX, rdma.index), number(Attribute.NET_NS_FD, target)
    talk.change(Command.SET, _named(rdma), index, descriptor)


def rename(talk: Talk, rdma: RdmaLink) -> None:
    """Give the device of that index the name."""
    talk.change(Command.SET, _named(rdma), number(Attribute.DEV_INDEX, rdma.index), text(Attribute.DEV_NAME, rdma.name))


def nodes(talk: Talk, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
    """The device's character devices; none when it is not in this namespace. Asking for them loads their modules."""
    index = number(Attribute.DEV_INDEX, rdma.index)
    found = [_node(talk, rdma, "uverbs", index), _node(talk, rdma, "rdma_cm")]
    for port in ports(talk, rdma):
        found += [_node(talk, rdma, kind, index, number(Attribute.PORT_INDEX, port.number)) for kind in SMI]
    return tuple(one for one in found if one is not None)


def _node(talk: Talk, rdma: RdmaLink, kind: str, *where: bytes) -> DeviceNode | None:
    try:
        answer = talk.ask(Command.GET_CHARDEV, _named(rdma), *where, text(Attribute.CHARDEV_TYPE, kind))
    except RdmaError as error:
        if error.errno in NO_SUCH_NODE:
            return None
        raise
    device = as_number(answer[Attribute.CHARDEV])
    return node(kind, as_text(answer[Attribute.CHARDEV_NAME]), os.major(device), os.minor(device))


def _seen(found: Attributes) -> Seen:
    name, index = as_text(found[Attribute.DEV_NAME]), as_number(found[Attribute.DEV_INDEX])
    return Seen(rdma=RdmaLink(name=name, index=index), protocol=as_text(found.get(Attribute.DEV_PROTOCOL, b"")))


def _port(found: Attributes) -> Port:
    interface = found.get(Attribute.NDEV_INDEX)
    return Port(
        number=as_number(found[Attribute.PORT_INDEX]),
        interface=as_number(interface) if interface is not None else None,
        state=STATES.get(as_number(found.get(Attribute.PORT_STATE, b"")), ""),
    )


def _named(rdma: RdmaLink) -> str:
    return f"RDMA device {rdma.name}"
