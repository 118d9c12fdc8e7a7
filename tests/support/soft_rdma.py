"""Soft RDMA devices and the host's RDMA mode, arranged without any program: the machine need not have iproute2's rdma."""

from __future__ import annotations

import struct
from collections.abc import Callable

from adapters.rdma.codec import Attribute, Command, number, text
from adapters.rdma.socket import Talk, talking
from ports.devices import Link, RdmaLink
from ports.errors import Failure
from tests.support.eventually import eventually

SECONDS = 60.0


def make(name: str, link: Link, kind: str = "rxe") -> None:
    """A device of that kind (rxe, siw) on an interface of the host."""
    attributes = (
        text(Attribute.DEV_NAME, name),
        text(Attribute.LINK_TYPE, kind),
        text(Attribute.NDEV_NAME, link.name),
    )
    _do(lambda talk: talk.change(Command.NEWLINK, f"RDMA device {name}", *attributes))


def remove(rdma: RdmaLink) -> None:
    """Remove it; it must be in the host."""
    index = number(Attribute.DEV_INDEX, rdma.index)
    _do(lambda talk: talk.change(Command.DELLINK, f"RDMA device {rdma.name}", index))


def set_mode(exclusive: bool) -> None:
    """The host's mode. Refused while there is another namespace; one that was deleted takes a moment to be gone."""
    mode = struct.pack("=HHBxxx", 5, Attribute.SYS_NETNS_MODE, 0 if exclusive else 1)
    eventually(lambda: _granted(lambda talk: talk.change(Command.SYS_SET, "RDMA mode", mode)), SECONDS)


def _granted(act: Callable[[Talk], None]) -> bool:
    try:
        _do(act)
    except Failure:
        return False
    return True


def _do(act: Callable[[Talk], None]) -> None:
    talking(act, None, SECONDS)
