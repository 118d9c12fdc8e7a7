"""The watcher's loop: wait until the kernel says what changed, look at that again, tell what is new.

Nothing is polled. Now and then everything is looked at nevertheless: what this finds and no event told is a defect, of
ours or of a driver, that is counted and put right. That look, and the one after lost events, takes the links first and then
the hardware of a few at a time, between events: nobody waits for it.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from functools import partial

from agent.domain.sight import NO_SIGHT, Sight, devices, difference, shared_names
from agent.services.looking import Looking
from agent.services.pacing import Pace
from ports.clock import Clock
from ports.devices import Device, Inventory
from ports.discovery import Changes, HardwareFacts, Interfaces, RdmaDevices
from ports.errors import Failure
from ports.feed import InventorySink
from ports.touched import EVERYTHING, NOTHING, Touched

log = logging.getLogger("knd.watch")

AUDIT = 300.0  # seconds between two full looks, a tenth more or less so that the nodes of a cluster spread
RETRY = 1.0
AT_ONCE = 32  # links whose hardware is looked at between two looks for events


class Watcher:
    """Publishes to ``sink`` what the host has, at the start and whenever ``changes`` says that something was touched."""

    def __init__(
        self,
        *,
        interfaces: Interfaces,
        hardware: HardwareFacts,
        rdma: RdmaDevices,
        changes: Changes,
        sink: InventorySink,
        clock: Clock,
        driver: str,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._looking = Looking(interfaces, hardware, rdma)
        self._changes = changes
        self._pace = Pace(changes, clock)
        self._sink = sink
        self._clock = clock
        self._driver = driver
        self._dice = dice
        self._sight = NO_SIGHT
        self._rest: list[int] = []
        self._shared: frozenset[str] = frozenset()  # kept: who shared its name keeps its mark when the others go
        self._auditing = False
        self._published: Inventory | None = None
        self._failing = False
        self._missed = 0
        self._audit_at = 0.0

    def run(self, stopped: threading.Event) -> None:
        """Until ``stopped`` is set and ``changes`` wakes."""
        due = EVERYTHING
        while not stopped.is_set():
            if due:
                due = self._tried(partial(self._look, due))
            touched = self._changes.wait(self._patience(due))
            if stopped.is_set():
                return
            due = due | self._pace.gather(touched) if touched or due else self._idle()

    def _patience(self, due: Touched) -> float:
        """Seconds until there is something to do without an event."""
        if due:
            return RETRY
        return self._pace.pause if self._rest else max(0.0, self._audit_at - self._clock.monotonic())

    def _idle(self) -> Touched:
        """No event came: look at a few more links, or begin an audit. What is due then."""
        before = self._sight
        if self._rest:
            failed = self._tried(self._recheck)
        elif self._clock.monotonic() >= self._audit_at:
            failed = self._tried(partial(self._look, EVERYTHING, auditing=True))
        else:
            return NOTHING
        return failed or self._compared(before)

    def _compared(self, before: Sight) -> Touched:
        """Tell what no event told of. What is due then: that of which events told only now."""
        found = difference(before, self._sight) if self._auditing else NOTHING
        late = self._pace.gather(NOTHING) if found else NOTHING
        if missed := found.without(late):
            self._missed += 1
            log.warning("the audit found what no event told of (%d times so far): %s", self._missed, missed)
            self._publish()
        return late

    def _tried(self, look: Callable[[], None]) -> Touched:
        """What is due after a look: nothing, or everything when it failed."""
        try:
            self._pace.timed(look)
        except Failure as failure:
            if not self._failing:
                log.error("cannot read the host's interfaces, will try again: %s", failure)
            self._failing = True
            return EVERYTHING
        self._failing = False
        return NOTHING

    def _look(self, due: Touched, auditing: bool = False) -> None:
        before, self._sight = self._sight, self._looking.again(self._sight, due)
        if due.everything:
            self._auditing = auditing
            self._audit_at = self._clock.monotonic() + AUDIT * (0.9 + 0.2 * self._dice())
            self._rest = [index for index, link in before.links.items() if self._sight.links.get(index) == link]
        self._publish()

    def _recheck(self) -> None:
        part, self._rest = self._rest[:AT_ONCE], self._rest[AT_ONCE:]
        fresh = self._looking.recheck(self._sight, part)
        if fresh != self._sight:
            self._sight = fresh
            self._publish()

    def _publish(self) -> None:
        self._shared |= shared_names(self._sight)
        before, found = self._published, devices(self._sight, self._driver, self._shared)
        if before is not None and (before.devices, before.missed) == (found, self._missed):
            return
        generation = before.generation + 1 if before else 1
        self._published = Inventory(generation=generation, devices=found, missed=self._missed)
        self._sink.publish(self._published)
        log.info("inventory %d: %s", generation, changes_in_words(before.devices if before else (), found))


def changes_in_words(before: tuple[Device, ...], now: tuple[Device, ...]) -> str:
    """For the log."""
    old, new = {device.name: device for device in before}, {device.name: device for device in now}
    parts = {
        "new": sorted(new.keys() - old.keys()),
        "gone": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
    }
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names) or "no devices"
