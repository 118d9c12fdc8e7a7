"""Listening to the kernel: a netlink socket that has joined groups, and what it hears, so much at a time."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterable

from ports.errors import Code, Failure
from ports.touched import EVERYTHING, NOTHING, Touched

log = logging.getLogger("knd.events")

SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
BUFFER_BYTES = 4 << 20
DATAGRAM = 1 << 16


def listening(protocol: int, groups: Iterable[int]) -> socket.socket:
    """A socket of the calling thread's network namespace that hears these groups. OSError: the kernel has none of it."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        made.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES
        )  # without privilege at most net.core.rmem_max
        made.bind((0, 0))
        for group in groups:
            join(made, group)
    except OSError:
        made.close()
        raise
    return made


def join(listened: socket.socket, group: int) -> None:
    """Hear one more group. OSError: the kernel has none of that number."""
    listened.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)


def heard(listened: socket.socket, most: int, subject: str, meaning: Callable[[bytes], Touched]) -> Touched:
    """What the next datagrams touched, at most so many, as ``meaning`` has it. Lost ones: everything.

    A reader that rests between two readings leaves the processor to others while a storm lasts.
    """
    touched = NOTHING
    for _ in range(most):
        try:
            data = listened.recv(DATAGRAM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        except OSError as error:
            return lost(error, subject)
        touched |= meaning(data)
    return touched


def lost(error: OSError, subject: str) -> Touched:
    """Everything, if the error means that events were lost; else ``Failure`` KERNEL."""
    if error.errno != errno.ENOBUFS:
        raise Failure(Code.KERNEL, subject, str(error)) from error
    log.info("%s came faster than they were read: everything is looked at again", subject)
    return EVERYTHING
