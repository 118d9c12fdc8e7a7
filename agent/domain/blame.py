"""Which device of a slice the API server's refusal is about, and what of it: from the paths in the server's own words.

``spec.devices[3].attributes[dra.net/alias].string: Too long: may not be more than 64 bytes``; several in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain.attributes import Place
from agent.domain.kept import devices_of
from agent.domain.parts import Section
from ports.cluster import Json

MENTION = re.compile(
    r"spec\.devices\[(?P<index>\d+)\](\.basic)?"
    r"(\.(?P<section>attributes|capacity)(\[(?P<key>[^\]]+)\])?|\.taints\[(?P<taint>\d+)\])?"
    r"(?P<rest>((?!spec\.devices\[).)*)",
    re.DOTALL,
)
NO_VALUE = "exactly one value must be specified"


@dataclass(frozen=True, kw_only=True, slots=True)
class Blame:
    """A device, and the place in it where the words say so. ``no_lists``: the server dropped a list, and missed a value."""

    device: str
    place: Place | None = None
    no_lists: bool = False


def blamed(words: str, body: Json) -> tuple[Blame, ...]:
    """Everything in the slice that the words name, each once; nothing when they name nothing that is there."""
    return tuple(dict.fromkeys(_mentions(words, devices_of(body))))


def places(device: Json) -> tuple[Place, ...]:
    """Everything of a device that can be left out."""
    entries = [
        (section, name) for section in (Section.ATTRIBUTES, Section.CAPACITY) for name in device.get(section, {})
    ]
    return (*entries, *((Section.TAINTS, taint["key"]) for taint in device.get("taints") or ()))


def without(device: Json, left_out: frozenset[Place]) -> Json:
    """The device without these."""
    kept = dict(device)
    for section in (Section.ATTRIBUTES, Section.CAPACITY):
        if section in kept:
            kept[section.value] = {
                name: value for name, value in kept[section].items() if (section, name) not in left_out
            }
    if "taints" in kept:
        kept["taints"] = [taint for taint in kept["taints"] if (Section.TAINTS, taint["key"]) not in left_out]
    return kept


def _mentions(words: str, devices: list[Json]) -> Iterator[Blame]:
    for match in MENTION.finditer(words):
        index = int(match["index"])
        if index < len(devices):
            device = devices[index]
            place = _place(device, match)
            yield Blame(device=device["name"], place=place, no_lists=_lost_a_list(device, place, match["rest"]))


def _place(device: Json, match: re.Match[str]) -> Place | None:
    if match["taint"] is not None:
        taints = device.get("taints") or []
        number = int(match["taint"])
        return (Section.TAINTS, taints[number]["key"]) if number < len(taints) else None
    if match["section"] is None:
        return None
    section = Section(match["section"])
    named = [name for name in device.get(section, {}) if name == match["key"] or f'"{name}"' in match["rest"]]
    return (section, named[0]) if named else None


def _lost_a_list(device: Json, place: Place | None, rest: str) -> bool:
    if place is None or place[0] is not Section.ATTRIBUTES or NO_VALUE not in rest:
        return False
    return any(isinstance(value, list) for value in device["attributes"][place[1]].values())
