"""The watcher's loop: wait until the kernel says what changed, look at that again, tell what is new.

Nothing is polled. Now and then everything is looked at nevertheless: what this finds and no event told is a defect, of
ours or of a driver, that is counted and put right.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from agent.domain.sight import Sight, devices, difference
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
        self._sight = Sight()
        self._published: Inventory | None = None
        self._failing = False
        self._missed = 0
        self._audit_at = 0.0

    def run(self, stopped: threading.Event) -> None:
        """Until ``stopped`` is set and ``changes`` wakes."""
        due = EVERYTHING
        while not stopped.is_set():
            if due:
                due = self._tried(due)
            touched = self._changes.wait(RETRY if due else self._until_audit())
            if stopped.is_set():
                return
            if touched or due:
                due |= self._pace.gather(touched)
            elif self._until_audit() <= 0:
                due = self._audited()

    def _tried(self, due: Touched) -> Touched:
        """What is still due after a look: nothing, or everything when it failed."""
        try:
            self._pace.timed(lambda: self._look(due))
        except Failure as failure:
            if not self._failing:
                log.error("cannot read the host's interfaces, will try again: %s", failure)
            self._failing = True
            return EVERYTHING
        self._failing = False
        return NOTHING

    def _look(self, due: Touched) -> None:
        self._sight = self._looking.again(self._sight, due)
        if due.everything:
            self._audit_at = self._clock.monotonic() + AUDIT * (0.9 + 0.2 * self._dice())
        self._publish(devices(self._sight, self._driver))

    def _audited(self) -> Touched:
        """Look at everything; what is due then because it was touched meanwhile."""
        before = self._sight
        due = self._tried(EVERYTHING)
        late = self._pace.gather(NOTHING)
        missed = NOTHING if due else difference(before, self._sight).without(late)
        if missed:
            self._missed += 1
            log.warning("the audit found what no event told of (%d times so far): %s", self._missed, missed)
        return due | late

    def _until_audit(self) -> float:
        return max(0.0, self._audit_at - self._clock.monotonic())

    def _publish(self, found: tuple[Device, ...]) -> None:
        before = self._published
        if before is not None and before.devices == found:
            return
        generation = before.generation + 1 if before else 1
        self._published = Inventory(generation=generation, devices=found)
        self._sink.publish(self._published)
        log.info("inventory %d: %s", generation, _difference(before.devices if before else (), found))


def _difference(before: tuple[Device, ...], now: tuple[Device, ...]) -> str:
    """The change in words, for the log."""
    old, new = {device.name: device for device in before}, {device.name: device for device in now}
    parts = {
        "new": sorted(new.keys() - old.keys()),
        "gone": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
    }
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names) or "no devices"
