"""One look at what the node should publish and at what the server has, and the writes between them.

When nothing is different a look costs no request and next to no time. A difference that is not ours is somebody else's
doing: it is repaired at once, and ever more slowly while somebody keeps at it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.domain import slices
from agent.domain.damping import Told, settle
from agent.domain.slices import Pool, Writes
from agent.services.inventories import Inventories
from agent.services.losses import Losses
from agent.services.notices import Notices
from agent.services.renderings import Renderings, Shown
from agent.services.repairs import Repairs
from agent.services.stored import Stored
from agent.services.writing import Writing
from ports.clock import Clock
from ports.cluster import Json, Slices
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.metrics import Meter

log = logging.getLogger("knd.publishing")
LESSONS = 12  # writes in one look: each but the last has taught something of the server
TRIED_AGAIN = 600.0  # seconds, at least, between two times that a server is tried with what it did not keep or take
TRIED_ANYWAY = 6 * 3600.0  # seconds after which it is, although nothing tells that it is another server


class NodeSlices(Slices, Protocol):
    """What publishing needs of the cluster."""

    def node_uid(self) -> str:
        """The UID of our Node object."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """Whose slices these are."""

    driver: str
    name: str


class Publisher:
    """For one loop; ``again`` and ``stored`` are for others too."""

    def __init__(
        self,
        *,
        node: Node,
        cluster: NodeSlices,
        inventories: Inventories,
        keeps: Callable[[Mapping[str, AttributeValue]], bool],
        clock: Clock,
        meter: Meter,
        notices: Notices,
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._inventories = inventories
        self._clock = clock
        self._meter = meter
        self._renderings = Renderings(node.driver, keeps)
        self._losses = Losses(node.name, notices, meter)
        self.stored = Stored(cluster)
        self._writing = Writing(cluster, self.stored, self._renderings, self._losses, meter)
        self._told: Mapping[str, Told] = {}
        self._places: Mapping[str, int] | None = None
        self._published: Shown | None = None
        self._revision = -1
        self._repairs = Repairs(self._losses)
        self._tried = clock.monotonic()
        self._again = False

    @property
    def published(self) -> bool:
        """Whether anything was published since the start."""
        return self._published is not None

    @property
    def quarrel(self) -> str:
        """Why the slices are left as somebody made them, if they are."""
        return self._repairs.quarrel

    def again(self) -> None:
        """Much may be different: the Node object, the slices, what the server can. Nothing happens before the next look."""
        self._again = True

    def look(self) -> float | None:
        """Compare and write. Seconds until something that is held back is due, if anything is."""
        devices = self._inventories.devices()
        if devices is None:
            return None
        now = self._clock.monotonic()
        self._begin(now)
        settled = settle(self._told, devices, now)
        self._told = settled.told
        due = [settled.due] if settled.due is not None else []
        for _ in range(LESSONS):
            shown, revision = self._renderings.of(settled.devices), self.stored.revision
            existing = self.stored.bodies()
            if shown is self._published and revision == self._revision:
                break
            pool, writes = self._difference(shown, existing)
            if not writes:
                self._same(shown, pool, revision)
                break
            if shown is self._published and not self._repairs.may(now):
                due.append(self._repairs.due)
                break
            if self._write(self._of_this_node(shown, existing, writes)):
                self._published = shown
        else:
            raise Failure(Code.CONFLICT, "ResourceSlices", "the API server makes something else of them each time")
        return max(0.0, min(due) - now) if due else None

    def _begin(self, now: float) -> None:
        again, self._again = self._again, False
        if again:
            self._losses.node_uid, self._revision = "", -1
            self.stored.lose()
        if now - self._tried >= (TRIED_AGAIN if again else TRIED_ANYWAY):
            self._tried = now
            self._renderings.forget()
            self._writing.learned.clear()

    def _difference(self, shown: Shown, existing: tuple[Json, ...]) -> tuple[Pool, Writes]:
        node = self._node
        self._losses.node_uid = uid = self._losses.node_uid or self._cluster.node_uid()
        if shown is not self._published:
            self._losses.show(shown.losses)
        where = slices.places(node.name, existing) if self._places is None else self._places
        pool = slices.pool(shown.devices, node.driver, node.name, uid, where)
        self._places = pool.places
        return pool, slices.diff(pool, existing, self._writing.learned)

    def _of_this_node(self, shown: Shown, existing: tuple[Json, ...], writes: Writes) -> Writes:
        """Slices that others removed went perhaps with their Node object, and the node has another one by now."""
        if shown is not self._published:
            return writes
        before, self._losses.node_uid = self._losses.node_uid, self._cluster.node_uid()
        return writes if before == self._losses.node_uid else self._difference(shown, existing)[1]

    def _write(self, writes: Writes) -> bool:
        try:
            return self._writing.write(writes)
        except Failure as failure:
            if failure.code in (Code.CONFLICT, Code.NOT_FOUND):
                self.stored.lose()
            raise

    def _same(self, shown: Shown, pool: Pool, revision: int) -> None:
        self._repairs.done()
        self._published, self._revision = shown, revision
        for gone in self._writing.learned.keys() - pool.places.keys():
            del self._writing.learned[gone]
        self._meter.show("knd_published_devices", len(pool.places))
        self._meter.show("knd_published_rdma_devices", shown.with_rdma(self._node.driver))
        self._meter.show("knd_last_published_time_seconds", self._clock.wall_ns() / 1e9)
