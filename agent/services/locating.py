"""Which device, and what of it, makes the server refuse a slice when its words do not say: found by trying halves.

Each try is a dry run, which stores nothing. Of a slice of 128 devices one is found with some 15 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from agent.domain.attributes import WHOLE, Place
from agent.domain.blame import Blame, blamed, places, without
from agent.domain.kept import devices_of
from agent.domain.parts import Section
from agent.domain.precedence import rank
from ports.cluster import Json, Slices
from ports.errors import Code, Failure

MOST_TRIES = 150
T = TypeVar("T")
Culprit = tuple[str, Place]  # a device by name, and what of it


class _TooManyTries(Exception):
    """The search has to end."""


class Locating:
    """One search in one refused slice. Other failures than a refusal end it."""

    def __init__(self, cluster: Slices, body: Json, refusal: Failure) -> None:
        self._cluster = cluster
        self._body = body
        self._refusal = refusal
        self._devices = {device["name"]: device for device in devices_of(body)}
        self._tries = 0

    def culprits(self) -> tuple[Culprit, ...]:
        """What of which devices is to be left out; nothing when the slice is refused without any device too.

        Where too many devices are refused to find all of them, what was found of some is taken for what is wrong with all.
        """
        found: list[Culprit] = []
        try:
            for culprit in self._named(blamed(self._refusal.detail, self._body)) or self._searched():
                found.append(culprit)
        except _TooManyTries:
            found += self._alike(found)
        return tuple(found)

    def _named(self, mentions: tuple[Blame, ...]) -> Iterator[Culprit] | None:
        """What the server's words name."""
        return (each for mention in mentions for each in self._mentioned(mention)) if mentions else None

    def _mentioned(self, mention: Blame) -> Iterator[Culprit]:
        places = (mention.place,) if mention.place else self._places(self._devices[mention.device])
        return ((mention.device, place) for place in places)

    def _searched(self) -> Iterator[Culprit]:
        if self._accepts([]):
            for device in _bad(tuple(self._devices.values()), self._accepts):
                yield from ((device["name"], place) for place in self._places(device))

    def _alike(self, found: list[Culprit]) -> list[Culprit]:
        wrong = {place for _, place in found if place != WHOLE}
        return [(name, place) for name, device in self._devices.items() for place in places(device) if place in wrong]

    def _places(self, device: Json) -> tuple[Place, ...]:
        """What of this device is refused; all of it where it is refused with nothing but its name."""
        if not self._accepts([{"name": device["name"]}]):
            return (WHOLE,)
        everything = sorted(places(device), key=self._importance)

        def accepts(kept: Sequence[Place]) -> bool:
            return self._accepts([without(device, frozenset(everything) - frozenset(kept))])

        alone = tuple(_bad(everything, accepts))
        return alone or tuple(everything[_longest(len(everything), lambda end: accepts(everything[:end])) :])

    def _importance(self, place: Place) -> tuple[object, ...]:
        section, name = place
        if section is Section.TAINTS:
            return (0, name)
        return (1, *rank(name, self._body["spec"]["driver"], capacity=section is Section.CAPACITY))

    def _accepts(self, devices: Sequence[Json]) -> bool:
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise _TooManyTries
        spec = {**self._body["spec"], "devices": list(devices)}
        metadata = {
            "generateName": f"try-{spec['driver']}-",
            "ownerReferences": self._body["metadata"].get("ownerReferences", []),
        }
        try:
            self._cluster.try_slice({**self._body, "metadata": metadata, "spec": spec})
        except Failure as failure:
            if failure.code is not Code.INVALID:
                raise
            return False
        return True


def _bad(items: Sequence[T], accepts: Callable[[Sequence[T]], bool]) -> Iterator[T]:
    """Those that are refused for themselves, one after the other."""
    if not items or accepts(items):
        return
    if len(items) == 1:
        yield items[0]
        return
    middle = len(items) // 2
    yield from _bad(items[:middle], accepts)
    yield from _bad(items[middle:], accepts)


def _longest(most: int, accepts: Callable[[int], bool]) -> int:
    """The greatest beginning that is accepted, where each item is for itself and all together are not."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if accepts(middle) else (least, middle - 1)
    return least
