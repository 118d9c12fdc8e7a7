"""The newest inventory, for all who need it, and the devices that claims hold, which the host may not show now.

A device that is in a pod is not gone: it stays published as it was, so that the node's slices do not change with every
pod that starts and ends. What claims hold is kept on a shelf and read from there each time, because the host cannot tell
after a restart, and because during a rolling update two processes serve this driver.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent.domain.inventory import complete, shown
from agent.services.bell import Bell
from agent.services.following import follow
from ports.devices import Device, Inventory
from ports.errors import Code, Failure
from ports.feed import InventorySource
from ports.metrics import Meter, NoMeter
from ports.outbox import Holding, Holdings
from ports.plan import ClaimRef

log = logging.getLogger("knd.inventory")


class Inventories:
    """What there is on this node."""

    def __init__(self, holdings: Holdings, meter: Meter | None = None) -> None:
        self._lock = threading.Lock()
        self._newest: Inventory | None = None
        self._shelf = holdings
        self._meter = meter or NoMeter()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._dressed: Callable[[Device], Device] = lambda device: device

    def dress(self, dressed: Callable[[Device], Device]) -> None:
        """Publish each device as this makes it too: with what others than the host say of it. In the order of the calls."""
        before = self._dressed
        self._dressed = lambda device: dressed(before(device))

    def tell(self, *changed: Callable[[], None]) -> None:
        """Call these after each change."""
        self._listeners = changed

    def problem(self) -> str:
        """Why nothing is known of this node; empty when something is."""
        return "" if self._newest else "no inventory from the watcher yet"

    def put(self, inventory: Inventory) -> None:
        """Take over a newer inventory."""
        with self._lock:
            self._newest = inventory
        self._meter.show("knd_missed_events", inventory.missed)
        log.debug("inventory %d with %d devices", inventory.generation, len(inventory.devices))
        self._changed()

    def device(self, name: str) -> Device | None:
        """The device if the host shows it now."""
        return self.shown().get(name)

    def shown(self) -> dict[str, Device]:
        """All devices that the host shows now, by name."""
        with self._lock:
            newest = self._newest
        return {device.name: device for device in shown(newest, self._held())} if newest else {}

    def devices(self) -> tuple[Device, ...] | None:
        """All devices of this node as they are to be published, held ones included; None before the first inventory."""
        found = self.bare()
        return None if found is None else tuple(map(self._dressed, found))

    def bare(self) -> tuple[Device, ...] | None:
        """The same, with what the host alone says of them."""
        with self._lock:
            newest = self._newest
        return None if newest is None else complete(newest, self._held())

    def hold(self, claim: ClaimRef, devices: tuple[Device, ...]) -> None:
        """The claim has these devices from now on."""
        self._shelf.put(claim.uid, Holding(devices=devices, claim=claim))
        self._changed()

    def adopt(self, claim: ClaimRef, names: tuple[str, ...]) -> None:
        """The same for a claim that was prepared before, if that was not noted and the host still shows its devices.

        UNAVAILABLE before the first inventory.
        """
        if not self.holds(claim.uid):
            if problem := self.problem():
                raise Failure(Code.UNAVAILABLE, "inventory", problem)
            found = tuple(device for name in names if (device := self.device(name)) is not None)
            if found:
                self.hold(claim, found)

    def holds(self, claim_uid: str) -> bool:
        """Whether the claim has devices."""
        return self._shelf.get(claim_uid) is not None

    def release(self, claim_uid: str) -> None:
        """The claim has no devices any more."""
        if claim_uid in self._shelf.all():
            self._shelf.drop(claim_uid)
            self._changed()

    def follow(self, source: InventorySource, bell: Bell) -> None:
        """Take inventories until the bell is closed."""
        follow(source, self.put, bell)

    def _held(self) -> tuple[Holding, ...]:
        return tuple(self._shelf.all().values())

    def _changed(self) -> None:
        for changed in self._listeners:
            changed()
