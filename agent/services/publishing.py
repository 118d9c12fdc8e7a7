"""The node's ResourceSlices, kept as they should be: after each change of the host, and after each of anybody else.

The kubelet deletes them when it starts and when this driver was away too long, so publishing once is not enough: every
change seen in the cluster and every registration leads to a comparison, and a comparison without difference to no write.
A burst of changes is one write.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from agent.domain import kept, slices
from agent.domain.attributes import Features, publishable, render
from agent.domain.slices import Pool, Writes
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.inventories import Inventories
from ports.clock import Clock
from ports.cluster import Json, Slices
from ports.devices import AttributeValue, Device
from ports.errors import Code, Failure
from ports.metrics import Meter

log = logging.getLogger("knd.publishing")
SETTLE = 0.05  # seconds in which a burst of changes becomes one write
SPACING = 0.2  # seconds between two comparisons, so that a flapping link costs little
WATCH = 600.0  # seconds of one watch; its end is also a comparison, in case an event was missed


class NodeSlices(Slices, Protocol):
    """What publishing needs of the cluster."""

    def node_uid(self) -> str:
        """The UID of our Node object."""
        ...


class Publishing:
    """Two loops, ``run`` and ``watch``, both ended by ``stop``."""

    def __init__(
        self,
        *,
        driver: str,
        node: str,
        cluster: NodeSlices,
        inventories: Inventories,
        keeps: Callable[[Mapping[str, AttributeValue]], bool],
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._driver = driver
        self._node = node
        self._cluster = cluster
        self._inventories = inventories
        self._keeps = keeps
        self._clock = clock
        self._meter = meter
        self._bell = Bell()
        self._learned: dict[str, tuple[Json, Json]] = {}
        self._features = Features()
        self._places: dict[str, int] = {}
        self._node_uid = ""
        self._notes: tuple[str, ...] = ()
        self._problem = "no slice written yet"

    @property
    def problem(self) -> str:
        """Why the slices are not as they should be; empty when they are."""
        return self._problem

    def wake(self) -> None:
        """Something may have changed."""
        self._bell.ring()

    def resync(self) -> None:
        """Everything may have changed, the Node object too: the kubelet has registered us (again)."""
        self._node_uid = ""
        self._bell.ring()

    def stop(self) -> None:
        """End both loops. The slices stay: the kubelet deletes them when nobody serves this driver any more."""
        self._bell.close()

    def run(self) -> None:
        """Compare and write after each wake, until stopped."""
        backoff = Backoff()
        while not self._bell.closed:
            if not self._bell.wait():
                continue
            self._bell.pause(SETTLE)
            try:
                self.publish()
            except Failure as failure:
                self._failed(failure)
                self._bell.pause(SPACING if failure.code is Code.CONFLICT else backoff.next())
                self._bell.ring()
            else:
                backoff.reset()
                self._bell.pause(SPACING)

    def watch(self) -> None:
        """Wake after each foreign change, until stopped."""
        backoff = Backoff()
        while not self._bell.closed:
            began = self._clock.monotonic()
            self._watch_once()
            self._bell.ring()
            if self._clock.monotonic() - began < WATCH / 10:
                self._bell.pause(backoff.next())
            else:
                backoff.reset()

    def publish(self) -> None:
        """One comparison and the writes that follow from it. Does nothing before the first inventory."""
        devices = self._inventories.devices()
        if devices is None:
            return
        existing = self._cluster.slices()
        wanted = self._wanted(tuple(device for device in devices if self._keeps(device.attributes)), existing)
        self._write(slices.diff(wanted, existing, self._learned))
        self._problem = ""
        self._meter.show("knd_published_devices", sum(len(page) for page in wanted.pages.values()))

    def _watch_once(self) -> None:
        try:
            for _ in self._cluster.changes(WATCH):
                self._bell.ring()
                if self._bell.closed:
                    return
        except Failure as failure:
            log.info("watch ended: %s", failure)

    def _wanted(self, devices: tuple[Device, ...], existing: tuple[Json, ...]) -> Pool:
        node_uid = self._node_uid or self._cluster.node_uid()
        self._node_uid = node_uid
        named, nameless = publishable(devices)
        rendered = [render(device, self._driver, self._features) for device in named]
        self._tell(tuple(str(loss) for losses in (nameless, *(each.losses for each in rendered)) for loss in losses))
        where = self._places or slices.places(self._node, existing)
        wanted = slices.pool(rendered, self._driver, self._node, node_uid, where)
        self._places = wanted.places
        return wanted

    def _tell(self, notes: tuple[str, ...]) -> None:
        if notes != self._notes:
            self._notes = notes
            for note in notes:
                log.warning("%s", note)

    def _write(self, writes: Writes) -> None:
        for name in writes.delete:
            self._counted("delete", partial(self._cluster.delete_slice, name))
        for body in writes.update:
            self._compare(body, self._counted("update", partial(self._cluster.update_slice, body)))
        for body in writes.create:
            self._compare(body, self._counted("create", partial(self._cluster.create_slice, body)))
        if writes:
            log.info(
                "slices written: %d created, %d updated, %d deleted",
                len(writes.create),
                len(writes.update),
                len(writes.delete),
            )

    def _counted(self, action: str, work: Callable[[], Json | None]) -> Json | None:
        try:
            stored = work()
        except Failure as failure:
            self._meter.count("knd_slice_writes", action=action, result=failure.code)
            raise
        self._meter.count("knd_slice_writes", action=action, result="success")
        return stored

    def _compare(self, sent: Json, stored: Json | None) -> None:
        if stored is None:
            return
        self._learned.update(kept.learn(sent, stored))
        for field in sorted(kept.dropped(sent, stored)):
            log.warning("the API server does not keep this field of devices, it is not sent again: %s", field)
            self._features = replace(self._features, dropped=self._features.dropped | {field})

    def _failed(self, failure: Failure) -> None:
        self._problem = str(failure)
        if failure.code is Code.NOT_FOUND:
            self._node_uid = ""
        log.log(
            logging.INFO if failure.code is Code.CONFLICT else logging.WARNING,
            "slices not written, trying again: %s",
            failure,
        )
