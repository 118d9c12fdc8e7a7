"""The platform that this node is on: found, asked and asked again in the background.

Nobody ever waits for it. What it says is taken from ``dressed`` and ``config`` as it was learned last; news are told by
``changed``, and lead to an update of the slices.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from agent.domain.enrichment import enriched, identifiers, refused
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.descriptions import AGAIN, Descriptions
from agent.services.platforms import FRESH, Platforms
from agent.services.together import together
from ports.clock import Clock
from ports.devices import Device
from ports.errors import Failure
from ports.metrics import Meter
from ports.netconfig import NetworkConfig
from ports.outbox import Shelf
from ports.providers import DeviceIds, Platform, Provider, Remembered

log = logging.getLogger("knd.providers")
AT_ONCE = 8  # devices described at the same time


class Providers:
    """One loop, ``run``, ended by ``stop``. ``devices`` are all of this node's; None before they are known."""

    def __init__(
        self,
        *,
        driver: str,
        candidates: Sequence[Provider],
        devices: Callable[[], tuple[Device, ...] | None],
        shelf: Shelf[Remembered],
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._driver = driver
        self._devices = devices
        self._meter = meter
        self._bell = Bell()
        self._platforms = Platforms(candidates, clock, meter)
        self._listed = False
        self._known = Descriptions(shelf, clock, [each.name for each in candidates])
        self._changed: Callable[[], None] = lambda: None

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this after each news of a platform."""
        self._changed = changed

    @property
    def found(self) -> str:
        """The name of the platform; empty while none was found."""
        return self._platforms.found

    def dressed(self, device: Device) -> Device:
        """The device with what the platform says of it, as far as that is known."""
        return enriched(device, self._known.of(device.name), self._driver)

    def config(self, device: str) -> NetworkConfig | None:
        """The configuration that the platform gives the device, as far as that is known."""
        description = self._known.of(device)
        return description.config if description else None

    def wake(self) -> None:
        """The node's devices may have changed."""
        self._bell.ring()

    def stop(self) -> None:
        """End ``run``."""
        self._bell.close()

    def run(self) -> None:
        """Find the platform, then keep what it says up to date, until stopped."""
        failures = Backoff(first=AGAIN, limit=FRESH)
        while not self._bell.closed and self._platforms:
            if self._stepped():
                failures.reset()
                self._bell.wait(self._known.next_due() if self._listed else None)
            else:
                self._bell.pause(failures.next())

    def step(self) -> bool:
        """Ask whatever is due; whether there is a platform that answers."""
        if not self._platforms.find():
            return False
        devices = self._devices()
        if devices is None:
            return True
        self._listed = True
        self._known.keep_only(identifiers(device, self._driver) for device in devices)
        due = self._known.due()
        return not due or self._ask(due, {device.name: device for device in devices})

    def _stepped(self) -> bool:
        try:
            return self.step()
        except Exception:  # whatever strangers answer, this loop goes on
            log.exception("a defect while the platform was asked")
            return False

    def _ask(self, due: tuple[DeviceIds, ...], devices: Mapping[str, Device]) -> bool:
        platform = self._platforms.look(anew=any(ids.pci_address for ids in due))
        if platform is None:
            return False
        together(lambda ids: self._describe(platform, ids, devices[ids.device]), due, AT_ONCE)
        return True

    def _describe(self, platform: Platform, ids: DeviceIds, device: Device) -> None:
        if self._bell.closed:
            return
        name = self._platforms.found
        try:
            description = platform.describe(ids)
            changed = self._known.learn(name, ids, description)
        except Failure as failure:
            self._known.fail(ids)
            self._meter.count("knd_provider_descriptions", provider=name, result=failure.code)
            log.warning("%s does not describe device %s: %s", name, ids.device, failure)
            return
        self._meter.count("knd_provider_descriptions", provider=name, result="success")
        if changed:
            for note in (*description.notes, *refused(device, description, self._driver)):
                log.warning("%s, device %s: %s", name, ids.device, note)
            self._changed()
