"""Which device is in which slice: a device stays where it is, so that one more or less costs one write and not all.

Pages are numbered by the index in their slice's name, and a number whose page has become empty is free. A page holds 128
devices, or 64 as soon as one of them has extras (taints, list-typed attributes). When a device of a fuller page gets
extras, the fewest devices leave: those with extras, or those that are too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.domain.limits import MAX_DEVICES, MAX_DEVICES_WITH_EXTRAS

Pages = Mapping[int, tuple[str, ...]]
LOOSE = 2  # times the pages needed: with more than that, they are packed anew


@dataclass(slots=True)
class _Page:
    names: set[str] = field(default_factory=set)
    extras: set[str] = field(default_factory=set)

    def take(self, name: str, extras: bool) -> None:
        self.names.add(name)
        if extras:
            self.extras.add(name)

    def has_room(self, extras: bool) -> bool:
        return len(self.names) < (MAX_DEVICES_WITH_EXTRAS if extras or self.extras else MAX_DEVICES)

    def overflow(self) -> list[str]:
        """The fewest devices that have to leave."""
        too_many = sorted(self.names)[MAX_DEVICES_WITH_EXTRAS if self.extras else MAX_DEVICES :]
        alone = len(self.names) - len(self.extras) <= MAX_DEVICES and len(self.extras) < len(too_many)
        return sorted(self.extras) if alone else too_many

    def drop(self, names: Iterable[str]) -> None:
        self.names.difference_update(names)
        self.extras.difference_update(names)


def assign(devices: Mapping[str, bool], previous: Mapping[str, int]) -> Pages:
    """Devices (name: whether it has extras) by page, sorted by name. ``previous`` says where they are; at least one page."""
    pages = _stayed(devices, previous)
    _place(devices, pages)
    used = {number: page for number, page in pages.items() if page.names}
    if len(used) > LOOSE * _needed(devices):
        used = {}
        _place(devices, used)
    return {number: tuple(sorted(page.names)) for number, page in sorted(used.items())} or {0: ()}


def _stayed(devices: Mapping[str, bool], previous: Mapping[str, int]) -> dict[int, _Page]:
    pages: dict[int, _Page] = {}
    for name, extras in devices.items():
        if name in previous:
            pages.setdefault(previous[name], _Page()).take(name, extras)
    for page in pages.values():
        page.drop(page.overflow())
    return pages


def _place(devices: Mapping[str, bool], pages: dict[int, _Page]) -> None:
    """Give a place to whoever has none: the first hole, or a page of the lowest free number."""
    placed = {name for page in pages.values() for name in page.names}
    for name, extras in sorted(devices.items()):
        if name in placed:
            continue
        number = next((number for number, page in sorted(pages.items()) if page.has_room(extras)), None)
        if number is None:
            number = next(free for free in range(len(pages) + 1) if free not in pages)
        pages.setdefault(number, _Page()).take(name, extras)


def _needed(devices: Mapping[str, bool]) -> int:
    """Pages that so many devices need, at most."""
    size = MAX_DEVICES_WITH_EXTRAS if any(devices.values()) else MAX_DEVICES
    return max(1, -(-len(devices) // size))
