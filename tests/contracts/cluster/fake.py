"""A cluster in memory: keeps slices, claims and notices, and refuses what an API server refuses.

It validates no field of a slice (the stand-in API server does); it keeps versions, UIDs, conflicts and deletions, which
is what the services above decide by. ``fail`` makes the next calls fail, ``dropped_device_fields`` plays a server whose
feature gates are off: it drops those fields of devices silently. ``refuses`` is any further rule: its words, or nothing.
"""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ports.cluster import Change, Json, Listed, Notice
from ports.errors import Code, Failure
from ports.plan import ClaimRef

Key = tuple[Any, ...]


class FakeCluster:
    """``ports.cluster.Cluster`` without a server, and the means of everybody else in the cluster to act on it."""

    def __init__(self, node: str = "node1", driver: str = "dra.net") -> None:
        self.node = node
        self.driver = driver
        self.notices: list[Notice] = []
        self.calls: list[str] = []
        self.dropped_device_fields: set[str] = set()
        self.refuses: Callable[[Json], str] = lambda _: ""
        self._changed = threading.Condition()
        self._slices: dict[str, dict[str, Any]] = {}
        self._claims: dict[tuple[str, str], dict[str, Any]] = {}
        self._owned: dict[tuple[str, str], dict[str, set[Key]]] = {}
        self._version = 0
        self._compacted = 0
        self._history: list[Change] = []
        self._failures: list[Failure] = []
        self._node_uid = str(uuid.uuid4())

    def fail(self, failure: Failure, times: int = 1) -> None:
        """Make the next calls of any method of the port fail so."""
        self._failures += [failure] * times

    def claim(self, namespace: str, name: str) -> Json:
        with self._changed:
            self._called("claim")
            return copy.deepcopy(self._claim(namespace, name))

    def apply_device_status(self, claim: ClaimRef, devices: tuple[Json, ...], manager: str) -> None:
        with self._changed:
            self._called("apply_device_status")
            stored = self._claim(claim.namespace, claim.name)
            if stored["metadata"]["uid"] != claim.uid:
                raise Failure(Code.CONFLICT, str(claim), f"the claim has another UID: {stored['metadata']['uid']}")
            _require_allocated(claim, stored, devices)
            self._merge(stored, devices, manager)
            self._stamp(stored)

    def slices(self) -> Listed:
        with self._changed:
            self._called("slices")
            return Listed(version=str(self._version), bodies=self.stored_slices())

    def stored_slices(self) -> tuple[Json, ...]:
        """What there is, for whoever looks from outside."""
        with self._changed:
            return tuple(copy.deepcopy(body) for _, body in sorted(self._slices.items()) if self._ours(body))

    def try_slice(self, body: Json) -> None:
        with self._changed:
            self._called("try_slice")
            self._judge(body)

    def create_slice(self, body: Json) -> Json:
        with self._changed:
            self._called("create_slice")
            self._judge(body)
            stored = self._stored(body)
            metadata = stored.setdefault("metadata", {})
            if "name" not in metadata:
                metadata["name"] = metadata.get("generateName", "slice-") + uuid.uuid4().hex[:5]
            if metadata["name"] in self._slices:
                raise Failure(Code.CONFLICT, f"ResourceSlice {metadata['name']}", "already exists")
            metadata.update(uid=str(uuid.uuid4()), creationTimestamp="2026-01-01T00:00:00Z", generation=1)
            return self._put_slice(stored)

    def update_slice(self, body: Json) -> Json:
        with self._changed:
            self._called("update_slice")
            name = body["metadata"]["name"]
            old = self._slices.get(name)
            if old is None:
                raise Failure(Code.NOT_FOUND, f"ResourceSlice {name}", "not found")
            version = body["metadata"].get("resourceVersion")
            if version not in (None, old["metadata"]["resourceVersion"]):
                raise Failure(Code.CONFLICT, f"ResourceSlice {name}", "the object has been modified")
            self._judge(body)
            stored = self._stored(body)
            stored["metadata"] = {**old["metadata"], **stored["metadata"]}
            return self._put_slice(stored)

    def delete_slice(self, name: str) -> None:
        with self._changed:
            self._called("delete_slice")
            self._remove(name)

    def changes(self, version: str, timeout: float) -> Iterator[Change]:
        with self._changed:
            self._called("changes")
            if int(version) < self._compacted:
                raise Failure(Code.CONFLICT, "watch", "too old resource version")
        end, seen = time.monotonic() + timeout, int(version)
        while (change := self._next_change(seen, end)) is not None:
            seen = int(change.version)
            yield change

    def node_uid(self) -> str:
        with self._changed:
            self._called("node_uid")
            return self._node_uid

    def notify(self, notice: Notice) -> None:
        with self._changed:
            self._called("notify")
            self.notices.append(notice)

    # Everybody else in the cluster.

    def put_claim(self, body: Json) -> Json:
        """Somebody creates or replaces a claim; a UID is given where there is none."""
        with self._changed:
            stored = copy.deepcopy(dict(body))
            metadata = stored["metadata"]
            metadata.setdefault("namespace", "default")
            metadata.setdefault("uid", str(uuid.uuid4()))
            self._claims[metadata["namespace"], metadata["name"]] = stored
            self._owned.pop((metadata["namespace"], metadata["name"]), None)
            return copy.deepcopy(self._stamp(stored))

    def remove_claim(self, namespace: str, name: str) -> None:
        """Somebody deletes a claim."""
        with self._changed:
            del self._claims[namespace, name]

    def compact(self) -> None:
        """The server forgets what happened: a watch from any earlier version is too old."""
        with self._changed:
            self._history.clear()
            self._version += 1
            self._compacted = self._version

    def remove_slice(self, name: str) -> None:
        """Somebody else (the kubelet) deletes a slice."""
        with self._changed:
            self._remove(name)

    def device_status(self, namespace: str, name: str) -> tuple[Json, ...]:
        """What the claim's ``status.devices`` holds now, of all managers."""
        with self._changed:
            status = self._claim(namespace, name).get("status", {})
            return tuple(copy.deepcopy(status.get("devices", [])))

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self._failures:
            raise self._failures.pop(0)

    def _claim(self, namespace: str, name: str) -> dict[str, Any]:
        found = self._claims.get((namespace, name))
        if found is None:
            raise Failure(Code.NOT_FOUND, f"claim {namespace}/{name}", "not found")
        return found

    def _merge(self, stored: dict[str, Any], devices: tuple[Json, ...], manager: str) -> None:
        owned = self._owned.setdefault((stored["metadata"]["namespace"], stored["metadata"]["name"]), {})
        mine = owned.pop(manager, set())
        applied = {entry_key(device): copy.deepcopy(dict(device)) for device in devices}
        others = set().union(*owned.values())
        status = stored.setdefault("status", {})
        kept = {entry_key(entry): entry for entry in status.get("devices", [])}
        kept = {key: entry for key, entry in kept.items() if key not in mine or key in others}
        status["devices"] = list({**kept, **applied}.values())
        owned[manager] = set(applied)

    def _judge(self, body: Json) -> None:
        refusal = self.refuses(body)
        if refusal:
            raise Failure(Code.INVALID, "ResourceSlice", refusal)

    def _ours(self, body: Mapping[str, Any]) -> bool:
        spec = body.get("spec", {})
        return bool(spec.get("driver") == self.driver and spec.get("nodeName") == self.node)

    def _stored(self, body: Json) -> dict[str, Any]:
        stored = copy.deepcopy(dict(body))
        for device in stored.get("spec", {}).get("devices", []):
            for name in self.dropped_device_fields:
                device.pop(name, None)
        return stored

    def _put_slice(self, stored: dict[str, Any]) -> Json:
        self._slices[stored["metadata"]["name"]] = self._stamp(stored)
        self._happened(stored, gone=False)
        return copy.deepcopy(stored)

    def _remove(self, name: str) -> None:
        gone = self._slices.pop(name, None)
        if gone is not None:
            self._happened(self._stamp(gone), gone=True)

    def _happened(self, body: dict[str, Any], *, gone: bool) -> None:
        self._history.append(Change(version=str(self._version), body=copy.deepcopy(body), gone=gone))
        self._changed.notify_all()

    def _stamp(self, stored: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        stored["metadata"]["resourceVersion"] = str(self._version)
        return stored

    def _next_change(self, seen: int, end: float) -> Change | None:
        def found() -> Change | None:
            ours = (change for change in self._history if change.body is not None and self._ours(change.body))
            return next((change for change in ours if int(change.version) > seen), None)

        with self._changed:
            return self._changed.wait_for(found, max(0.0, end - time.monotonic()))


def entry_key(entry: Mapping[str, Any]) -> Key:
    """What makes two entries of ``status.devices`` the same one: the list's map keys."""
    return entry.get("driver"), entry.get("pool"), entry.get("device"), entry.get("shareID")


def _require_allocated(claim: ClaimRef, stored: Json, devices: tuple[Json, ...]) -> None:
    allocation = stored.get("status", {}).get("allocation") or {}
    allocated = {entry_key(result) for result in allocation.get("devices", {}).get("results", [])}
    for device in devices:
        if entry_key(device) not in allocated:
            raise Failure(
                Code.INVALID, str(claim), f"status.devices: must be an allocated device: {device.get('device')}"
            )
