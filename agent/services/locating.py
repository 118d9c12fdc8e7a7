"""Which device, and what of it, makes the server refuse a slice when its words do not say: found by trying halves.

Each try is a dry run, which stores nothing. Of a slice of 128 devices one is found with some 15 of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from agent.domain.attributes import Place
from agent.domain.blame import places, without
from agent.domain.kept import devices_of
from agent.domain.parts import Section
from agent.domain.precedence import rank
from ports.cluster import Json, Slices
from ports.errors import Code, Failure

log = logging.getLogger("knd.publishing")
MOST_TRIES = 200
WHOLE: Place = (Section.DEVICE, "")
T = TypeVar("T")


class Locating:
    """One search in one refused slice. Other failures than a refusal end it."""

    def __init__(self, cluster: Slices, body: Json, refusal: Failure) -> None:
        self._cluster = cluster
        self._body = body
        self._refusal = refusal
        self._tries = 0

    def devices(self) -> Iterator[tuple[str, Place]]:
        """What is refused of which devices; nothing when the slice is refused without any device too."""
        if not self._accepts([]):
            return
        for device in _bad(devices_of(self._body), self._accepts):
            for place in self.places(device):
                yield device["name"], place

    def places(self, device: Json) -> tuple[Place, ...]:
        """What of this device is refused; all of it where it is refused with nothing but its name."""
        if not self._accepts([{"name": device["name"]}]):
            return (WHOLE,)
        everything = sorted(places(device), key=self._importance)

        def accepts(kept: Sequence[Place]) -> bool:
            return self._accepts([without(device, frozenset(everything) - frozenset(kept))])

        return tuple(
            _bad(everything, accepts) or everything[_longest(len(everything), lambda end: accepts(everything[:end])) :]
        )

    def _importance(self, place: Place) -> tuple[object, ...]:
        section, name = place
        if section is Section.TAINTS:
            return (0, name)
        return (1, *rank(name, self._body["spec"]["driver"], capacity=section is Section.CAPACITY))

    def _accepts(self, devices: Sequence[Json]) -> bool:
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise self._refusal
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


def _bad(items: Sequence[T], accepts: Callable[[Sequence[T]], bool]) -> list[T]:
    """Those without which the rest is accepted, as far as each is refused for itself."""
    if accepts(items):
        return []
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    return [*_bad(items[:middle], accepts), *_bad(items[middle:], accepts)] if items else []


def _longest(most: int, accepts: Callable[[int], bool]) -> int:
    """The greatest beginning that is accepted, where each item is for itself and all together are not."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if accepts(middle) else (least, middle - 1)
    return least
