"""What flaps is told at once, and then ever more rarely; its newest value always comes, and nothing else waits for it.

Each device has a pace of its own. Four changes are free: a link that goes and comes back, and the taint that goes with it.
Each further change of what flaps by nature (state, speed, capacity, taints) makes the next wait twice as long, from half a
second to a minute; others do so ten times more slowly, and the pace is forgotten after two minutes without a change. Bad
news does not wait: a device that is gone and a taint that is new are told at once, so that it is their end that is held
back while a link flaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ports.devices import AttributeValue, Device

FIRST, LONGEST = 0.5, 60.0  # seconds to wait after a change
FREE = 4  # changes that make the next one not wait
FORGOTTEN = 120.0  # seconds without a change
FLAPPING, OTHER, GONE = 1.0, 0.1, 0.25  # what a change adds to the steps
VOLATILE = frozenset({"state", "linkSpeed", "duplex", "rdmaState", "rdmaRate", "lldpSystem", "lldpPort", "lldpChassis"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How restless something is: no change is told before ``until``; the ``last`` one was told then (monotonic)."""

    steps: float = 0.0
    until: float = 0.0
    last: float = 0.0

    def changed(self, now: float, weight: float) -> Pace:
        """One more change is told now."""
        steps = weight + (self.steps if now - self.last < FORGOTTEN else 0.0)
        return Pace(steps=steps, until=now + _wait(steps), last=now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A device as it is told of, None when it is gone."""

    device: Device | None
    pace: Pace


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The devices to tell of now, and when (monotonic) the first change that is held back is due."""

    devices: tuple[Device, ...]
    told: Mapping[str, Told]
    due: float | None = None


def settle(told: Mapping[str, Told], devices: Iterable[Device], now: float) -> Settled:
    """What to tell of these devices, after what was told before."""
    given = {device.name: device for device in devices}
    after: dict[str, Told] = {}
    waiting = []
    for name, device in given.items():
        before = told.get(name)
        after[name] = found = _next(before, device, now)
        if found is before and not _same(found.device, device):
            waiting.append(found.pace.until)
    for name, before in told.items():
        if name not in given and (before.device or now - before.pace.last < FORGOTTEN):
            after[name] = Told(device=None, pace=before.pace.changed(now, GONE)) if before.device else before
    shown = tuple(each.device for each in after.values() if each.device is not None)
    return Settled(devices=shown, told=after, due=min(waiting, default=None))


def _next(before: Told | None, device: Device, now: float) -> Told:
    if before is None:
        return Told(device=device, pace=Pace(last=now))
    if _same(before.device, device):
        return before
    if now < before.pace.until and not _is_bad_news(before.device, device):
        return before
    return Told(device=device, pace=before.pace.changed(now, _weight(before.device, device)))


def _same(before: Device | None, after: Device) -> bool:
    """Whether both are published as the same thing."""
    if before is None or before is after:
        return before is after
    return (before.attributes, before.capacity, before.taints) == (after.attributes, after.capacity, after.taints)


def _wait(steps: float) -> float:
    return min(LONGEST, FIRST * 2.0 ** (int(steps) - FREE - 1)) if steps >= FREE + 1 else 0.0


def _is_bad_news(before: Device | None, after: Device) -> bool:
    known = {(taint.key, taint.effect) for taint in before.taints} if before is not None else set()
    return before is not None and any((taint.key, taint.effect) not in known for taint in after.taints)


def _weight(before: Device | None, after: Device) -> float:
    if before is None:
        return 0.0  # its being gone has counted
    return FLAPPING if _steady(before) == _steady(after) else OTHER


def _steady(device: Device) -> dict[str, AttributeValue]:
    return {name: value for name, value in device.attributes.items() if name.rpartition("/")[2] not in VOLATILE}
