"""The slices as the server has them: listed once, then kept by a watch and by the answers to our own writes.

So a comparison costs no request. What was lost sight of (a watch that broke off, a version that is too old) is listed again.
Versions are compared as numbers (KEP-5504), so that an event from before a write of ours does not undo it here. A list
counts whatever its version: a server that was set back to a backup begins to count from there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ports.cluster import Change, Json, Slices


class Stored:
    """Safe for the two loops of publishing. ``revision`` rises with each change."""

    def __init__(self, cluster: Slices) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._listing = threading.Lock()
        self._bodies: dict[str, Json] = {}
        self._version = ""
        self.revision = 0

    def bodies(self) -> tuple[Json, ...]:
        """The slices, sorted by name; asks the server only where they are not known."""
        with self._listing:
            if not self._version:
                self._list()
        with self._lock:
            return tuple(body for _, body in sorted(self._bodies.items()))

    def lose(self) -> None:
        """What is known may be wrong: the next look lists."""
        self._version = ""

    def put(self, body: Json) -> bool:
        """The slice is stored so; whether that is news."""
        with self._lock:
            return self._put(body)

    def gone(self, name: str) -> None:
        """We deleted the slice."""
        with self._lock:
            self.revision += self._bodies.pop(name, None) is not None

    def changes(self, timeout: float) -> Iterator[Json]:
        """Follow the server for so long: each slice that somebody else changed or deleted, as it is or was."""
        self.bodies()
        for change in self._cluster.changes(self._version, timeout):
            if self._take(change) and change.body is not None:
                yield change.body

    def _list(self) -> None:
        listed = self._cluster.slices()
        with self._lock:
            found = {body["metadata"]["name"]: body for body in listed.bodies}
            if found != self._bodies:
                self._bodies = found
                self.revision += 1
            self._version = listed.version

    def _take(self, change: Change) -> bool:
        with self._lock:
            if self._version:  # else it was lost meanwhile
                self._version = change.version
            if change.body is None:
                return False
            return self._drop(change) if change.gone else self._put(change.body)

    def _drop(self, change: Change) -> bool:
        name = (change.body or {})["metadata"]["name"]
        known = self._bodies.get(name)
        if known is None or _newer(_version(known), change.version):
            return False
        del self._bodies[name]
        self.revision += 1
        return True

    def _put(self, body: Json) -> bool:
        name, version = body["metadata"]["name"], _version(body)
        known = self._bodies.get(name)
        if known is not None and not _newer(version, _version(known)):
            return False
        self._bodies[name] = body
        self.revision += 1
        return True


def _version(body: Json) -> str:
    return str(body["metadata"].get("resourceVersion", ""))


def _newer(version: str, than: str) -> bool:
    """Whether a version is later; one that is no number is taken for later when it is another one."""
    return int(version) > int(than) if version.isdigit() and than.isdigit() else version != than
