"""What the dataplane last told of devices in pods, and whether that still holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ports.clock import Clock
from ports.heldfeed import HeldDevice, HeldState

FRESH = 30.0  # seconds: three signs of life of the dataplane


@dataclass(frozen=True, kw_only=True, slots=True)
class InPods:
    """The devices in pods by name; ``fresh`` is false while the dataplane is silent, ``until`` when that begins."""

    devices: Mapping[str, HeldDevice] = field(default_factory=dict)
    fresh: bool = False
    until: float | None = None


class Held:
    """``put`` takes what the dataplane's feed brings."""

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
