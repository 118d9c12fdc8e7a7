"""Wakes the watcher when something changed: kernel device events by pyudev, link, address and route events by rtnetlink.

What an event says is not used. Events get lost (ENOBUFS) and come late, so each only means "look again", and a lost one
means the same. Device events are the kernel's own (source ``kernel``): udev's do not reach a container.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
from contextlib import suppress

import pyudev

from ports.errors import Code, Failure

log = logging.getLogger("knd.udev")

SUBSYSTEMS = ("net", "pci", "infiniband")
GROUPS = (1, 5, 7, 9, 11)  # RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
BUFFER_BYTES = 4 << 20


class KernelChanges:
    """Implements ``ports.discovery.Changes`` for the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._network = _subscribed()
        self._monitor = _monitor()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        for descriptor in (self._network.fileno(), self._monitor.fileno(), self._wake):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self, timeout: float) -> bool:
        """True when events came since the last call, at once or within ``timeout`` seconds; also after ``wake``."""
        ready = {descriptor for descriptor, _ in self._poll.poll(max(0.0, timeout) * 1000)}
        if self._wake in ready:
            os.eventfd_read(self._wake)
        if self._network.fileno() in ready:
            self._drain_network()
        if self._monitor.fileno() in ready:
            self._drain_monitor()
        return bool(ready)

    def wake(self) -> None:
        """End a ``wait``; from any thread or signal handler."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Give the sockets up."""
        self._network.close()
        os.close(self._wake)

    def _drain_network(self) -> None:
        while True:
            try:
                self._network.recv(1, socket.MSG_DONTWAIT)  # the rest of the datagram is dropped
            except BlockingIOError:
                return
            except OSError as error:
                _check_lost(error, "network")

    def _drain_monitor(self) -> None:
        while True:
            try:
                if self._monitor.poll(0) is None:
                    return
            except OSError as error:
                _check_lost(error, "device")


def _check_lost(error: OSError, what: str) -> None:
    if error.errno != errno.ENOBUFS:
        raise Failure(Code.KERNEL, f"{what} events", str(error)) from error
    log.info("%s events came faster than they were read; all interfaces are looked at again", what)


def _subscribed() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)  # capped by net.core.rmem_max without privilege
    made.bind((0, 0))
    for group in GROUPS:
        made.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return made


def _monitor() -> pyudev.Monitor:
    try:
        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
    except (ImportError, OSError) as error:
        raise Failure(Code.KERNEL, "device events", str(error), "libudev is needed (package libudev1)") from error
    for subsystem in SUBSYSTEMS:
        monitor.filter_by(subsystem)
    with suppress(OSError):  # needs a capability that this process has not; an overflow is noticed
        monitor.set_receive_buffer_size(BUFFER_BYTES)
    monitor.start()
    return monitor
