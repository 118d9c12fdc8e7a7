"""The parts of a device, each as JSON that an API server accepts, or with the reason why it cannot be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.domain import limits
from ports.cluster import Json
from ports.devices import AttributeValue, Taint

BAD_NAME = "left out: its name is no identifier, with or without a domain"
TYPES: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (str, "string"))  # bool is an int: it comes first


class Section(StrEnum):
    """Where in a device something is; the words of the API."""

    ATTRIBUTES = "attributes"
    CAPACITY = "capacity"
    TAINTS = "taints"
    DEVICE = "device"


class Reason(StrEnum):
    """Why something is left out or shortened, for the metric; closed."""

    NAME = "name"
    VALUE = "value"
    LENGTH = "length"
    COUNT = "count"
    REFUSED = "refused"
    FILTER = "filter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """What is wrong with a part; ``text`` is for people."""

    reason: Reason
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One entry of a device. Without a ``body`` it cannot be sent; ``plain`` says the same without a list."""

    section: Section
    name: str
    body: Json | None = None
    plain: Json | None = None
    mistake: Mistake | None = None

    @property
    def forms(self) -> tuple[Json, ...]:
        """The ways to say it, the best first: as a list, and as a plain value."""
        return tuple(form for form in (self.body, self.plain) if form is not None)


def attribute(name: str, value: AttributeValue) -> Part | None:
    """An attribute; None for an empty list, which says nothing and which no server takes."""
    if value == ():
        return None
    if not limits.is_attribute_name(name):
        return _faulty(Section.ATTRIBUTES, name, Reason.NAME, BAD_NAME)
    items = value if isinstance(value, tuple) else (value,)
    kind = _kind(items)
    if not kind:
        return _faulty(
            Section.ATTRIBUTES, name, Reason.VALUE, "left out: neither text, number or bool, nor a list of one of them"
        )
    if kind == "int" and not all(item in limits.INT64 for item in items):
        return _faulty(Section.ATTRIBUTES, name, Reason.VALUE, "left out: a number that does not fit in 64 bits")
    short, mistake = _shortened(items)
    if not isinstance(value, tuple):
        return Part(section=Section.ATTRIBUTES, name=name, body={kind: short[0]}, mistake=mistake)
    plain = {kind: limits.shorten(",".join(map(str, short))) if kind == "string" else short[0]}
    return Part(section=Section.ATTRIBUTES, name=name, body={f"{kind}s": short}, plain=plain, mistake=mistake)


def capacity(name: str, value: int) -> Part:
    """A capacity, as the server itself would write it."""
    if not limits.is_attribute_name(name):
        return _faulty(Section.CAPACITY, name, Reason.NAME, BAD_NAME)
    if value < 0 or value not in limits.INT64:
        return _faulty(Section.CAPACITY, name, Reason.VALUE, "left out: no number from 0 to 2^63")
    return Part(section=Section.CAPACITY, name=name, body={"value": limits.quantity(int(value))})


def taints(given: tuple[Taint, ...]) -> Iterator[Part]:
    """The taints, each once and the gravest first: they are the first to stay where there are too many."""
    known = {effect: number for number, effect in enumerate(limits.EFFECTS)}
    for taint in sorted(dict.fromkeys(given), key=lambda taint: known.get(taint.effect, len(known))):
        yield _taint(taint)


def _taint(taint: Taint) -> Part:
    if not limits.is_taint_key(taint.key):
        return _faulty(Section.TAINTS, taint.key, Reason.NAME, "left out: its key is no qualified name")
    if taint.effect not in limits.EFFECTS:
        return _faulty(
            Section.TAINTS, taint.key, Reason.VALUE, f"left out: its effect is none of {', '.join(limits.EFFECTS)}"
        )
    body = {"key": taint.key, "effect": taint.effect}
    if not limits.is_taint_value(taint.value):
        mistake = Mistake(reason=Reason.VALUE, text="without its value, which is no label value")
        return Part(section=Section.TAINTS, name=taint.key, body=body, mistake=mistake)
    return Part(section=Section.TAINTS, name=taint.key, body={**body, "value": taint.value} if taint.value else body)


def _faulty(section: Section, name: str, reason: Reason, text: str) -> Part:
    return Part(section=section, name=name, mistake=Mistake(reason=reason, text=text))


def _kind(items: tuple[str | int, ...]) -> str:
    """The name of the type that all items have; empty where they have several."""
    found = {next((name for kind, name in TYPES if isinstance(item, kind)), "") for item in items}
    return found.pop() if len(found) == 1 else ""


def _shortened(items: tuple[str | int, ...]) -> tuple[list[str | int], Mistake | None]:
    short = [limits.shorten(item) if isinstance(item, str) else item for item in items]
    if short == list(items):
        return short, None
    return short, Mistake(reason=Reason.LENGTH, text=f"shortened to {limits.MAX_TEXT} bytes")
