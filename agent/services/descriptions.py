"""What platforms have said, device by device, with when to ask again; remembered over a restart.

A description stays in use until there is a newer one: a metadata server that is away changes nothing of what is published.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.services.backoff import Backoff
from agent.services.platforms import FRESH
from ports.clock import Clock
from ports.errors import Failure
from ports.outbox import Shelf
from ports.providers import Description, DeviceIds, Remembered

log = logging.getLogger("knd.providers")
AGAIN = 5.0  # seconds before the first repetition after a failure; each further one waits longer


@dataclass(slots=True)
class _Entry:
    ids: DeviceIds
    description: Description | None = None
    due: float = 0.0
    failures: Backoff = field(default_factory=lambda: Backoff(first=AGAIN, limit=FRESH))


class Descriptions:
    """The cache. Safe for many threads."""

    def __init__(self, shelf: Shelf[Remembered], clock: Clock, providers: Iterable[str]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._lock = threading.Lock()
        self._entries = self._remembered(frozenset(providers))

    def of(self, device: str) -> Description | None:
        """The newest description; None when there was none yet."""
        with self._lock:
            entry = self._entries.get(device)
        return entry.description if entry else None

    def keep_only(self, ids: Iterable[DeviceIds]) -> None:
        """Forget devices that are no more, and ask anew for those that became others."""
        wanted = {each.device: each for each in ids}
        with self._lock:
            gone = [name for name in self._entries if name not in wanted]
            for name in gone:
                del self._entries[name]
            for name, each in wanted.items():
                if name not in self._entries or self._entries[name].ids != each:
                    self._entries[name] = _renewed(self._entries.get(name), each)
        for name in gone:
            _kept(name, lambda name=name: self._shelf.drop(name))  # type: ignore[misc]

    def due(self) -> tuple[DeviceIds, ...]:
        """Those to be asked for now."""
        now = self._clock.monotonic()
        with self._lock:
            return tuple(entry.ids for entry in self._entries.values() if entry.due <= now)

    def next_due(self) -> float | None:
        """Seconds until there is something to be asked; None without devices."""
        with self._lock:
            first = min((entry.due for entry in self._entries.values()), default=None)
        return None if first is None else max(0.0, first - self._clock.monotonic())

    def learn(self, provider: str, ids: DeviceIds, description: Description) -> bool:
        """Take a description over; whether it says anything new."""
        with self._lock:
            entry = self._entries.get(ids.device)
            if entry is None or entry.ids != ids:
                return False  # another device has the name meanwhile
            changed = entry.description != description
            entry.description, entry.due = description, self._clock.monotonic() + FRESH
            entry.failures.reset()
        if changed:
            made = Remembered(provider=provider, ids=ids, description=description)
            _kept(ids.device, lambda: self._shelf.put(ids.device, made))
        return changed

    def fail(self, ids: DeviceIds) -> None:
        """It could not be described now: ask later, ever more rarely."""
        with self._lock:
            entry = self._entries.get(ids.device)
            if entry is not None:
                entry.due = self._clock.monotonic() + entry.failures.next()

    def _remembered(self, providers: frozenset[str]) -> dict[str, _Entry]:
        found = self._shelf.all()
        for device in [device for device, each in found.items() if each.provider not in providers]:
            self._shelf.drop(device)
        return {
            device: _Entry(ids=each.ids, description=each.description)
            for device, each in found.items()
            if each.provider in providers
        }


def _kept(device: str, work: Callable[[], None]) -> None:
    """A disk that refuses costs the memory over a restart and nothing else."""
    try:
        work()
    except Failure as failure:
        log.warning("what the platform says of device %s is not kept for a restart: %s", device, failure)


def _renewed(entry: _Entry | None, ids: DeviceIds) -> _Entry:
    """To be asked anew; until then the description of the same hardware holds, whatever its interface is called by now."""
    same = entry is not None and (entry.ids.mac, entry.ids.pci_address) == (ids.mac, ids.pci_address)
    return _Entry(ids=ids, description=entry.description if entry is not None and same else None)
