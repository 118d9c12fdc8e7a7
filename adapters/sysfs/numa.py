"""NUMA nodes that are as good as a device's own: the nearest others of the same socket.

A socket may be split into several nodes (sub-NUMA clustering, NPS4). KEP-6072 lets a device name them all, its own first.
"""

from __future__ import annotations

from pathlib import Path

from adapters.sysfs.files import entries, text, whole


class NumaNodes:
    """Below ``root``, which is ``/sys``. Distances do not change while a machine runs, so they are read once."""

    def __init__(self, root: Path) -> None:
        self._nodes = root / "devices/system/node"
        self._cpus = root / "devices/system/cpu"
        self._near: dict[int, tuple[int, ...]] = {}

    def near(self, node: int) -> tuple[int, ...]:
        """The other nodes of its socket that are nearest, in ascending order; none where a socket is one node."""
        if node not in self._near:
            self._near[node] = self._found(node)
        return self._near[node]

    def _found(self, node: int) -> tuple[int, ...]:
        socket = self._socket(node)
        numbers = (whole(name.removeprefix("node")) for name in entries(self._nodes))
        nodes = sorted(number for number in numbers if number is not None)
        distances = dict(zip(nodes, self._distances(node), strict=False))
        same = {other: distances[other] for other in distances if other != node and self._socket(other) == socket}
        if not socket or not same:
            return ()
        nearest = min(same.values())
        return tuple(sorted(other for other, distance in same.items() if distance == nearest))

    def _distances(self, node: int) -> list[int]:
        """In the order of the nodes that there are (Documentation/ABI/stable/sysfs-devices-node)."""
        words = map(whole, text(self._nodes / f"node{node}" / "distance").split())
        return [distance for distance in words if distance is not None]

    def _socket(self, node: int) -> str:
        """The package of its first processor; empty for a node without processors."""
        first = text(self._nodes / f"node{node}" / "cpulist").split(",")[0].split("-")[0]
        known = whole(first) is not None
        return text(self._cpus / f"cpu{first}" / "topology/physical_package_id") if known else ""
