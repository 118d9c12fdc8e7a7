"""The character devices of an RDMA device: what kinds there are, where they are in /dev, and what the kernel lets do with them.

The modes are those that devtmpfs gives them: verbs and the connection manager are for everybody and check by themselves
what a process may do, while whoever opens umad or issm may speak for the whole port.
"""

from __future__ import annotations

from ports.devices import DeviceNode

DIRECTORY = "/dev/infiniband"
SMI = ("umad", "issm")  # one of each a port, where the port has management datagrams
MODES = {"uverbs": 0o666, "rdma_cm": 0o666, "umad": 0o600, "issm": 0o600}


def node(kind: str, name: str, major: int, minor: int) -> DeviceNode:
    """The device file of that kind and name."""
    return DeviceNode(path=f"{DIRECTORY}/{name}", type="c", major=major, minor=minor, mode=MODES[kind])


def in_order(nodes: tuple[DeviceNode, ...]) -> tuple[DeviceNode, ...]:
    """Each once, by path."""
    return tuple(sorted(dict.fromkeys(nodes), key=lambda one: one.path))
