"""Whose health is looked at: the devices that are published, and those that pods have.

A node has many other interfaces (two for each pod, bridges): they come and go, and nobody has to hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ports.devices import AttributeValue, Device
from ports.errors import Failure

Keeps = Callable[[Mapping[str, AttributeValue]], bool]


class Offered:
    """``keeps`` is the filter of what is published; a device is asked about again when its attributes are others."""

    def __init__(self, keeps: Keeps) -> None:
        self._keeps = keeps
        self._known: dict[str, tuple[Mapping[str, AttributeValue], bool]] = {}

    def of(self, devices: Iterable[Device], in_pods: Iterable[str]) -> tuple[str, ...]:
        """The names of these devices that count."""
        self._known = {device.name: self._asked(device) for device in devices}
        held = frozenset(in_pods)
        return tuple(name for name, (_, kept) in self._known.items() if kept or name in held)

    def _asked(self, device: Device) -> tuple[Mapping[str, AttributeValue], bool]:
        known = self._known.get(device.name)
        if known is not None and known[0] == device.attributes:
            return known
        try:
            return device.attributes, self._keeps(device.attributes)
        except Failure:  # whoever publishes tells of it
            return device.attributes, False
