"""Allocates claims from ResourceSlices as a scheduler does, as far as the simulation needs it.

Requests in their order, devices in the order of the slices, back one step when a constraint cannot be met (KEP-4381). A
constraint ``matchAttribute`` is met when all devices of its requests have the attribute with one value; a device without
it never meets one. Of a list (KEP-5491) one common element is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.cel import engine

Json = Mapping[str, Any]
cel = engine.load()


@dataclass(frozen=True, slots=True)
class Offer:
    """A device of a slice."""

    driver: str
    node: str
    name: str
    body: Any = field(compare=False, hash=False, default=None)

    def attribute(self, name: str) -> tuple[object, ...]:
        """Its values; none when it has no such attribute."""
        value = self.body.get("attributes", {}).get(name)
        if value is None:
            return ()
        (one,) = value.values()
        return tuple(one) if isinstance(one, list) else (one,)


def offers(slices: Sequence[Json]) -> tuple[Offer, ...]:
    """All devices of the slices."""
    return tuple(
        Offer(body["spec"]["driver"], body["spec"]["nodeName"], device["name"], device)
        for body in slices
        for device in body["spec"]["devices"]
    )


class Allocator:
    """Allocates from ``devices``; ``classes`` are DeviceClasses by name. What was allocated is taken until ``free``."""

    def __init__(self, devices: Sequence[Offer], classes: Mapping[str, Json]) -> None:
        self._devices = tuple(devices)
        self._classes = classes
        self._taken: set[Offer] = set()
        self._programs: dict[str, Any] = {}
        self._fitting: dict[tuple[str, ...], tuple[Offer, ...]] = {}

    def allocate(self, spec: Json, node: str) -> dict[str, Offer] | None:
        """Devices by request for a claim's ``spec`` on that node; None when there is no way."""
        devices = spec["devices"]
        requests, constraints = devices["requests"], devices.get("constraints", [])
        found = next(self._ways(requests, constraints, node, {}), None)
        if found is not None:
            self._taken.update(found.values())
        return found

    def take(self, offer: Offer) -> None:
        """Somebody has the device."""
        self._taken.add(offer)

    def free(self) -> None:
        """All claims are gone."""
        self._taken.clear()

    def fitting(self, request: Json, node: str) -> tuple[Offer, ...]:
        """The devices of a node that a request's class and selectors want, taken or not."""
        exactly = request["exactly"]
        selectors = [*self._classes[exactly["deviceClassName"]]["spec"]["selectors"], *exactly.get("selectors", [])]
        expressions = tuple(each["cel"]["expression"] for each in selectors)
        key = (node, *expressions)
        if key not in self._fitting:
            here = (offer for offer in self._devices if offer.node == node)
            self._fitting[key] = tuple(each for each in here if all(self._holds(text, each) for text in expressions))
        return self._fitting[key]

    def _ways(
        self, requests: Sequence[Json], constraints: Sequence[Json], node: str, chosen: dict[str, Offer]
    ) -> Iterator[dict[str, Offer]]:
        if len(chosen) == len(requests):
            yield dict(chosen)
            return
        request = requests[len(chosen)]
        for offer in self.fitting(request, node):
            if offer not in self._taken and offer not in chosen.values():
                with_it = {**chosen, request["name"]: offer}
                if all(_is_met(constraint, with_it) for constraint in constraints):
                    yield from self._ways(requests, constraints, node, with_it)

    def _holds(self, expression: str, offer: Offer) -> bool:
        """A selector that fails (an attribute that the device has not) does not select it."""
        if expression not in self._programs:
            self._programs[expression] = cel.compile(expression)
        program = self._programs[expression]
        try:
            return program.execute({"device": _as_seen(offer)}) is True
        except (RuntimeError, ValueError, TypeError, LookupError):
            return False


def _is_met(constraint: Json, chosen: Mapping[str, Offer]) -> bool:
    """As far as the requests that it names have devices already."""
    values = [
        set(chosen[name].attribute(constraint["matchAttribute"])) for name in constraint["requests"] if name in chosen
    ]
    return not values or bool(set.intersection(*values))


def _as_seen(offer: Offer) -> Json:
    """A device as CEL sees it: attributes by domain and name."""
    domains: dict[str, dict[str, object]] = {}
    for name, value in offer.body.get("attributes", {}).items():
        domain, _, identifier = name.rpartition("/")
        (one,) = value.values()
        domains.setdefault(domain or offer.driver, {})[identifier] = one
    return {"driver": offer.driver, "attributes": domains}
