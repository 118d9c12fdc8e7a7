"""What the dataplane last told of devices in pods, and whether that still holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.services.bell import Bell
from ports.clock import Clock
from ports.errors import Failure
from ports.heldfeed import HeldDevice, HeldSource, HeldState

log = logging.getLogger("knd.health")
FRESH = 30.0  # seconds: three signs of life of the dataplane
LOOK = 60.0  # seconds of one wait for news; its end means nothing
PAUSE = 1.0  # seconds before the next wait after a failed one


@dataclass(frozen=True, kw_only=True, slots=True)
class InPods:
    """The devices in pods by name; ``fresh`` is false while the dataplane is silent, ``until`` when that begins."""

    devices: Mapping[str, HeldDevice] = field(default_factory=dict)
    fresh: bool = False
    until: float | None = None


class Held:
    """Follows the dataplane's feed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._devices: Mapping[str, HeldDevice] = {}
        self._until: float | None = None
        self._changed: Callable[[], None] = lambda: None

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this after each word of the dataplane."""
        self._changed = changed

    def now(self) -> InPods:
        """What is known now."""
        devices, until = self._devices, self._until
        fresh = until is not None and self._clock.monotonic() < until
        return InPods(devices=devices, fresh=fresh, until=until if fresh else None)

    def put(self, state: HeldState) -> None:
        """Take a newer state over."""
        self._devices = {device.device: device for device in state.devices}
        self._until = self._clock.monotonic() + FRESH
        self._changed()

    def follow(self, source: HeldSource, bell: Bell) -> None:
        """Take states until the bell is closed."""
        while not bell.closed:
            try:
                state = source.latest(LOOK)
            except Failure as failure:
                log.warning("nothing of devices in pods: %s", failure)
                bell.pause(PAUSE)
                continue
            if state is not None:
                self.put(state)
