"""One device as the API server accepts it: one value too long, and it refuses the slice with all the node's devices.

What does not fit is shortened where a part still tells something, else left out, and always told as a ``Loss``. A device
that has too much keeps what ``agent.domain.precedence`` ranks first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from agent.domain import limits, parts
from agent.domain.parts import Mistake, Part, Reason, Section
from agent.domain.precedence import is_expendable, rank
from ports.cluster import Json
from ports.devices import Device

Place = tuple[Section, str]  # of something in a device: an attribute's or capacity's name, a taint's key
WHOLE: Place = (Section.DEVICE, "")  # the device itself
WORDS = {Section.ATTRIBUTES: "attribute", Section.CAPACITY: "capacity", Section.TAINTS: "taint"}
TOO_MANY = Mistake(
    reason=Reason.COUNT,
    text=f"left out: more than {limits.MAX_ENTRIES} attributes and capacities, {limits.MAX_VALUES} values"
    f" or {limits.MAX_TAINTS} taints",
)
REFUSED = Mistake(reason=Reason.REFUSED, text="left out: the API server refuses it")


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What the server keeps of a device: list-typed attributes or not, and all fields but those it was seen to drop."""

    lists: bool = True
    dropped: frozenset[str] = frozenset()


EVERYTHING = Features()


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Something of a device that is not published as the host says it."""

    device: str
    section: Section
    name: str
    reason: Reason
    text: str

    def __str__(self) -> str:
        what = f" {WORDS[self.section]} {self.name}" if self.section in WORDS else ""
        return f"device {self.device}{what and ':'}{what} {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A device as JSON, and what it lost. One with ``extras`` halves the number of devices that its slice can have."""

    name: str
    body: Json
    extras: bool = False
    losses: tuple[Loss, ...] = ()


def render(device: Device, driver: str, features: Features = EVERYTHING, refused: Set[Place] = frozenset()) -> Rendered:
    """The device without what the server would refuse; ``refused`` is what it refused although the limits allow it."""
    spare = frozenset(name for name in device.attributes if is_expendable(name, driver))
    making = _Making(device=device.name, features=features, refused=refused, spare=spare)
    for part in _entries(device, driver):
        making.add(part)
    for part in parts.taints(device.taints):
        making.add(part)
    return making.made()


def _entries(device: Device, driver: str) -> Iterator[Part]:
    named = [(rank(name, driver), parts.attribute(name, value)) for name, value in device.attributes.items()]
    named += [(rank(name, driver, capacity=True), parts.capacity(name, size)) for name, size in device.capacity.items()]
    return (part for _, part in sorted(named, key=lambda pair: pair[0]) if part is not None)


@dataclass(kw_only=True, slots=True)
class _Making:
    """A device that is being put together, within its limits."""

    device: str
    features: Features
    refused: Set[Place]
    spare: Set[str] = frozenset()
    kept: dict[Section, list[tuple[str, Json]]] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    values: int = 0
    lists: bool = False

    def add(self, part: Part) -> None:
        """Take the part in the best form that fits; a field that the server drops is none of its losses."""
        if part.section in self.features.dropped:
            return
        if (part.section, part.name) in self.refused:
            self._lose(part, REFUSED)
            return
        if part.mistake:
            self._lose(part, part.mistake)
        forms = part.forms if self.features.lists else part.forms[-1:]
        if forms and not any(self._take(part, form) for form in forms) and part.name not in self.spare:
            self._lose(part, TOO_MANY)

    def made(self) -> Rendered:
        """The device, its entries sorted by name as the server shows them."""
        body: dict[str, object] = {"name": self.device}
        for section in (Section.ATTRIBUTES, Section.CAPACITY):
            if section in self.kept:
                body[section.value] = dict(sorted(self.kept[section]))
        if Section.TAINTS in self.kept:
            body[Section.TAINTS.value] = [taint for _, taint in self.kept[Section.TAINTS]]
        extras = self.lists or Section.TAINTS in self.kept
        return Rendered(name=self.device, body=body, extras=extras, losses=tuple(self.losses))

    def _take(self, part: Part, form: Json) -> bool:
        count = _values(form) if part.section is Section.ATTRIBUTES else 0
        if self._full(part.section) or self.values + count > limits.MAX_VALUES:
            return False
        self.kept.setdefault(part.section, []).append((part.name, form))
        self.values += count
        self.lists = self.lists or (part.section is Section.ATTRIBUTES and _is_list(form))
        return True

    def _full(self, section: Section) -> bool:
        if section is Section.TAINTS:
            return len(self.kept.get(section, ())) >= limits.MAX_TAINTS
        entries = sum(len(self.kept.get(each, ())) for each in (Section.ATTRIBUTES, Section.CAPACITY))
        return entries >= limits.MAX_ENTRIES

    def _lose(self, part: Part, mistake: Mistake) -> None:
        self.losses.append(
            Loss(device=self.device, section=part.section, name=part.name, reason=mistake.reason, text=mistake.text)
        )


def _is_list(form: Json) -> bool:
    return any(isinstance(value, list) for value in form.values())


def _values(form: Json) -> int:
    return sum(len(value) if isinstance(value, list) else 1 for value in form.values())


def publishable(devices: Iterable[Device]) -> tuple[tuple[Device, ...], tuple[Loss, ...]]:
    """Those whose names the server takes, each name once, sorted; and the others as losses."""
    kept: dict[str, Device] = {}
    losses: list[Loss] = []
    for device in sorted(devices, key=lambda device: device.name):
        if not limits.LABEL.fullmatch(device.name):
            losses.append(_unnamed(device.name, "left out: its name is no DNS label"))
        elif device.name in kept:
            losses.append(_unnamed(device.name, "left out: a second one of that name"))
        else:
            kept[device.name] = device
    return tuple(kept.values()), tuple(losses)


def _unnamed(name: str, text: str) -> Loss:
    return Loss(device=name, section=Section.DEVICE, name="", reason=Reason.NAME, text=text)
