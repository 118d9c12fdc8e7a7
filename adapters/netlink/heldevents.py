"""Hears of changes of links in pods' namespaces: one rtnetlink subscription in each namespace that is held open anyway.

A socket keeps its namespace alive, as the held descriptor does; so it is closed before that one is. The alternative, one
socket of the host that hears all namespaces (NETLINK_LISTEN_ALL_NSID), needs another capability and an id for each.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import threading
from contextlib import suppress

from adapters.netlink.nsfs import inside
from ports.errors import Code, Failure
from ports.heldfeed import EVERY
from ports.kernel import Namespace

log = logging.getLogger("knd.netlink")
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
RTNLGRP_LINK = 1
NETLINK_KOBJECT_UEVENT, KERNEL_EVENTS = 15, 1
PCI = b"\0SUBSYSTEM=pci\0"
DATAGRAM = 1 << 16
AT_ONCE = 128


class HeldLinkEvents:
    """Implements ``ports.heldfeed.HeldEvents``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll = select.epoll()
        self._epoll.register(self._wake, select.EPOLLIN)
        self._sockets: dict[str, socket.socket] = {}
        self._touched: set[str] = set()
        self._left: set[str] = set()
        self._hardware = _hardware_events()
        if self._hardware is not None:
            self._epoll.register(self._hardware, select.EPOLLIN)

    def touch(self, sandbox: str) -> None:
        """See ``HeldEvents``."""
        with self._lock:
            self._touched.add(sandbox)
            self._left.discard(sandbox)
        os.eventfd_write(self._wake, 1)

    def listen(self, sandbox: str, namespace: Namespace) -> None:
        """See ``HeldEvents``."""
        with self._lock:
            if sandbox in self._sockets or sandbox in self._left:
                return
        made = inside(namespace.fileno(), _link_events)
        with self._lock:
            if sandbox in self._left or sandbox in self._sockets:
                made.close()
                return
            try:
                self._epoll.register(made, select.EPOLLIN)
            except OSError as error:  # the system's limit of watches: without events it is looked at in its turn
                made.close()
                raise Failure(Code.UNAVAILABLE, f"sandbox {sandbox}", f"cannot be listened to: {error}") from error
            self._sockets[sandbox] = made
            self._touched.add(sandbox)  # what changed before is looked at once more
        os.eventfd_write(self._wake, 1)

    def leave(self, sandbox: str) -> None:
        """See ``HeldEvents``."""
        with self._lock:
            made = self._sockets.pop(sandbox, None)
            self._left.add(sandbox)
            self._touched.add(sandbox)
            if made is not None:
                self._epoll.unregister(made)
                made.close()
        os.eventfd_write(self._wake, 1)

    def wait(self, timeout: float) -> frozenset[str]:
        """See ``HeldEvents``."""
        with self._lock:
            waits = not self._touched
            self._left.clear()  # whoever listens after this knows who left before
        ready = {descriptor for descriptor, _ in self._epoll.poll(max(0.0, timeout) if waits else 0)}
        if self._wake in ready:
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        with self._lock:
            self._read(ready)
            touched, self._touched = frozenset(self._touched), set()
        return touched

    def close(self) -> None:
        """Give everything up; ``wait`` must have ended."""
        with self._lock:
            for made in self._sockets.values():
                made.close()
            self._sockets.clear()
        if self._hardware is not None:
            self._hardware.close()
        self._epoll.close()
        os.close(self._wake)

    def _read(self, ready: set[int]) -> None:
        for sandbox, made in self._sockets.items():
            if made.fileno() in ready and _drained(made):
                self._touched.add(sandbox)
        if self._hardware is not None and self._hardware.fileno() in ready and _drained(self._hardware, PCI):
            self._touched.add(EVERY)


def _drained(made: socket.socket, of: bytes = b"") -> bool:
    """Whether something was read that has this in it; lost events may have had."""
    found = False
    for _ in range(AT_ONCE):
        try:
            found |= of in made.recv(DATAGRAM, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                log.warning("events of links in pods: %s", error)
                break
            found = True
    return found


def _link_events() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        made.bind((0, 0))
        made.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK)
    except OSError:
        made.close()
        raise
    return made


def _hardware_events() -> socket.socket | None:
    """The kernel's device events: PCI error recovery and removal are among them. None where they cannot be had."""
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
        made.bind((0, KERNEL_EVENTS))
    except OSError as error:
        log.info("no events of hardware: %s", error)
        return None
    return made
