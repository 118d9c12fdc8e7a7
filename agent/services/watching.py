"""The watcher's loop: wait until the kernel says that something changed, look at all of it, tell what is new.

Nothing is polled. Changes come in bursts (a link that appears is several events), so a look waits a moment for the rest,
and after a look that took long for as long again: a storm of events costs at most half a processor.
"""

from __future__ import annotations

import logging
import threading

from agent.domain.discovery import devices
from ports.clock import Clock
from ports.devices import Device, Inventory
from ports.discovery import Changes, HardwareFacts, Interfaces, RdmaDevices
from ports.errors import Failure
from ports.feed import InventorySink

log = logging.getLogger("knd.watch")

GATHER = 0.05  # seconds; events of one cause follow each other within a few milliseconds
LONGEST_GATHER = 0.5
FOREVER = 3600.0
RETRY = 1.0


class Watcher:
    """Publishes to ``sink`` what the host has, at the start and whenever ``changes`` wakes it."""

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
    ) -> None:
        self._interfaces = interfaces
        self._hardware = hardware
        self._rdma = rdma
        self._changes = changes
        self._sink = sink
        self._clock = clock
        self._driver = driver
        self._published: Inventory | None = None
        self._gather = GATHER
        self._failing = False

    def run(self, stopped: threading.Event) -> None:
        """Until ``stopped`` is set and ``changes`` wakes."""
        due = True
        while not stopped.is_set():
            if due:
                due = not self._look()
            if self._changes.wait(RETRY if due else FOREVER) and not stopped.is_set():
                self._clock.sleep(self._gather)
                self._changes.wait(0)
                due = True

    def _look(self) -> bool:
        """Publish what is there if it is new; whether the look succeeded."""
        start = self._clock.monotonic()
        try:
            found = self._devices()
        except Failure as failure:
            if not self._failing:
                log.error("cannot read the host's interfaces, will try again: %s", failure)
            self._failing = True
            return False
        self._failing = False
        self._publish(found)
        self._gather = min(max(GATHER, self._clock.monotonic() - start), LONGEST_GATHER)
        return True

    def _devices(self) -> tuple[Device, ...]:
        links, uplinks = self._interfaces.links(), self._interfaces.uplinks()
        hardware = {link.identity.ifindex: self._hardware.hardware(link) for link in links if not link.loopback}
        rdma = self._rdma.devices(links)
        addresses = {found.pci_address for found in rdma if found.interface is None and found.pci_address}
        functions = {address: self._hardware.function(address) for address in addresses}
        return devices(links, hardware, uplinks, self._driver, rdma, functions)

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
