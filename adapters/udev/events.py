"""Device events of the kernel, by pyudev, and what each says was touched.

They are the kernel's own (source ``kernel``): those of udev do not reach a container. Network devices are told of in
their own network namespace only, all others in all.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import suppress

import pyudev

from adapters.talk.listening import BUFFER_BYTES, lost
from ports.errors import Code, Failure
from ports.touched import NOTHING, Touched

NET, PCI, RDMA, AUXILIARY = "net", "pci", "infiniband", "auxiliary"
AT_ONCE = 64  # events
FUNCTION = re.compile(r"/([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])(?=/|$)")


class DeviceEvents:
    """Implements ``ports.discovery.EventSource`` for the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._monitor: pyudev.Monitor | None = _monitor()
        self._socket = socket.socket(fileno=os.dup(self._monitor.fileno()))

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._socket.fileno()

    def read(self) -> Touched:
        """What the next events touched."""
        touched = NOTHING
        for _ in range(AT_ONCE):
            try:
                device = self._monitor.poll(0) if self._monitor else None
            except OSError as error:
                return lost(self._with_number(error), "device events")
            if device is None:
                break
            touched |= meaning(device.subsystem or "", device.device_path, device.properties.get("IFINDEX", ""))
        return touched

    def close(self) -> None:
        """Give the monitor up; its socket is closed with the last reference to it."""
        self._monitor = None
        self._socket.close()

    def _with_number(self, error: OSError) -> OSError:
        """pyudev tells of an overflow without a number, and leaves it on the socket, where the next look finds it again."""
        pending = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        number = error.errno or pending or errno.ENOBUFS
        return OSError(number, os.strerror(number))


def meaning(subsystem: str, path: str, ifindex: str) -> Touched:
    """What an event of the device at ``path`` below sysfs says was touched; a sub-function is part of its function."""
    if subsystem == NET:
        return Touched(links=frozenset({int(ifindex)})) if ifindex.isdigit() else NOTHING
    if subsystem == RDMA:
        return Touched(rdma=frozenset({path.rpartition("/")[2]}))
    functions = FUNCTION.findall(path)
    return Touched(functions=frozenset(functions[-1:]))


def _monitor() -> pyudev.Monitor:
    try:
        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="kernel")
    except (ImportError, OSError) as error:
        raise Failure(Code.KERNEL, "device events", str(error), "libudev is needed (package libudev1)") from error
    for subsystem in (NET, PCI, RDMA, AUXILIARY):
        monitor.filter_by(subsystem)
    with suppress(OSError):  # needs a capability that this process has not; an overflow is noticed
        monitor.set_receive_buffer_size(BUFFER_BYTES)
    monitor.start()
    return monitor
