"""The devices as they are published: filtered, within the limits, without what this server does not keep or take.

A device is looked at again only when it has changed or when something was learned of the server, so that asking for all
of them costs next to nothing while nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.domain.attributes import EVERYTHING, WHOLE, Features, Loss, Place, Rendered, publishable, render
from agent.domain.parts import Reason, Section
from ports.devices import AttributeValue, Device
from ports.errors import Failure

Value = object  # what the device had there when it was refused


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What is published, and what is not of it."""

    devices: tuple[Rendered, ...]
    losses: tuple[Loss, ...]

    def with_rdma(self, driver: str) -> int:
        """How many of the devices say that they have RDMA."""
        told = (device.body.get("attributes", {}).get(f"{driver}/rdma") for device in self.devices)
        return sum(value == {"bool": True} for value in told)


class Renderings:
    """Not safe for several threads: one loop publishes."""

    def __init__(self, driver: str, keeps: Callable[[Mapping[str, AttributeValue]], bool]) -> None:
        self._driver = driver
        self._keeps = keeps
        self._given: tuple[Device, ...] | None = None
        self._shown = Shown(devices=(), losses=())
        self._known: dict[str, tuple[Device, Rendered | None]] = {}
        self._refused: dict[str, dict[Place, Value]] = {}
        self._fresh = True
        self.features = EVERYTHING

    def of(self, devices: tuple[Device, ...]) -> Shown:
        """The devices, filtered and rendered: the same object as before when nothing is different."""
        if self._fresh or devices != self._given:
            named, nameless = publishable(devices)
            self._known = {device.name: (device, self._one(device)) for device in named}
            self._refused = {name: places for name, places in self._refused.items() if name in self._known}
            self._given, self._fresh = devices, False
            self._shown = self._show(nameless)
        return self._shown

    def learn(self, *, dropped: frozenset[str] = frozenset(), lists: bool = True) -> bool:
        """The server does not keep these fields, or no lists; whether that is news."""
        known = self.features
        self.features = Features(lists=known.lists and lists, dropped=known.dropped | dropped)
        self._fresh = self._fresh or self.features != known
        return self.features != known

    def refuse(self, name: str, place: Place) -> bool:
        """The server refuses this of the device, as long as it has the value that it has now; whether that is news."""
        refused = self._refused.setdefault(name, {})
        if name not in self._known or place in refused:
            return False
        refused[place] = _value(self._known[name][0], place)
        self._fresh = True
        return True

    def forget(self) -> None:
        """It may be another server now: everything is tried again."""
        if self.features != EVERYTHING or self._refused:
            self.features, self._refused, self._fresh = EVERYTHING, {}, True

    def _show(self, nameless: tuple[Loss, ...]) -> Shown:
        rendered = tuple(found for _, found in self._known.values() if found is not None)
        lost = [loss for found in rendered for loss in found.losses]
        return Shown(devices=tuple(found for found in rendered if found.body), losses=(*nameless, *lost))

    def _one(self, device: Device) -> Rendered | None:
        known = self._known.get(device.name)
        if known is not None and known[0] == device and not self._fresh:
            return known[1]
        try:
            if not self._keeps(device.attributes):
                return None
        except Failure as failure:
            return _nothing(device.name, Reason.FILTER, f"is not published, because {failure}")
        held = self._refused.get(device.name, {})
        refused = {place for place, value in held.items() if _value(device, place) == value}
        if WHOLE in refused:
            return _nothing(device.name, Reason.REFUSED, "left out: the API server refuses it")
        return render(device, self._driver, self.features, refused)


def _nothing(name: str, reason: Reason, text: str) -> Rendered:
    loss = Loss(device=name, section=Section.DEVICE, name="", reason=reason, text=text)
    return Rendered(name=name, body={}, losses=(loss,))


def _value(device: Device, place: Place) -> object:
    section, name = place
    if section is Section.TAINTS:
        return tuple(taint for taint in device.taints if taint.key == name)
    if section is Section.DEVICE:
        return device
    return (device.attributes if section is Section.ATTRIBUTES else device.capacity).get(name)
