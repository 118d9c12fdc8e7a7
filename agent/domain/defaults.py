"""A platform's configuration is a default: what of it does not fit a claim or the host gives way, and breaks nothing.

On Azure, for example, each interface comes with rules; a claim that puts the interface into a VRF can have none. What a
class, a claim or a profile says is never dropped: there a mistake is somebody's, and is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from agent.domain import rdma_only
from agent.domain.layers import Layer, Layered, Source, lay
from agent.domain.obstacles import obstacles
from agent.domain.routing import addresses_for
from ports.devices import LinkFacts
from ports.netconfig import Mistake, NetworkConfig

ENTRY = re.compile(r"(?P<list>[a-z]+)\[(?P<index>[0-9]+)\]")
Check = Callable[[NetworkConfig], Iterable[Mistake]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """Layers without what did not fit, what they give together, and what was dropped, with the reasons."""

    layers: tuple[Layer, ...]
    layered: Layered
    notes: tuple[str, ...] = ()


def fitted(layers: tuple[Layer, ...], check: Check) -> Fitted:
    """The layers with a platform's values only as far as ``check`` finds nothing wrong in them."""
    notes: list[str] = []
    while True:
        layered = lay(layers)
        mistakes = tuple(check(layered.config))
        blamed = next(_the_platforms(mistakes, layered), None)
        if blamed is None:
            break
        path, reason = blamed
        notes.append(f"the platform's {path} is left out: {reason}")
        fewer = tuple(_without(layer, layered.config, path) for layer in layers)
        layers = fewer if fewer != layers else _others(layers)
    if mistakes and not any(check(lay(_others(layers)).config)):
        notes.append(f"the platform's configuration is left out: with it, {mistakes[0]}")
        layers = _others(layers)
    return Fitted(layers=layers, layered=lay(layers), notes=tuple(notes))


def _others(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    return tuple(layer for layer in layers if layer.source is not Source.PROVIDER)


def on_this_host(facts: LinkFacts) -> Check:
    """What would go wrong on the host, and IPv6 routing for an interface without an IPv6 address.

    A device without an interface takes nothing but limits of RDMA.
    """

    if rdma_only.is_rdma_only(facts):
        return rdma_only.refusals

    def check(config: NetworkConfig) -> Iterator[Mistake]:
        yield from obstacles(config, facts, frozenset())
        addresses = addresses_for(config, facts)
        if not any(":" in each.prefix and not each.prefix.lower().startswith("fe80:") for each in addresses):
            yield from _ipv6(config)

    return check


def _ipv6(config: NetworkConfig) -> Iterator[Mistake]:
    reason = "the interface has no IPv6 address"
    for index, route in enumerate(config.routes or ()):
        if ":" in route.destination:
            yield Mistake(f"routes[{index}]", reason)
    for index, rule in enumerate(config.rules or ()):
        if ":" in (rule.source or "") or ":" in (rule.destination or ""):
            yield Mistake(f"rules[{index}]", reason)


def _the_platforms(mistakes: Iterable[Mistake], layered: Layered) -> Iterator[tuple[str, str]]:
    """The platform's values that mistakes lie in, also those that only do not go with one of somebody else; and why."""
    for mistake in mistakes:
        told = ((mistake.path, mistake.reason), *((path, str(mistake)) for path in mistake.also))
        yield from (each for each in told if layered.provenance.of(each[0]) is Source.PROVIDER)


def _without(layer: Layer, merged: NetworkConfig, path: str) -> Layer:
    if layer.source is not Source.PROVIDER:
        return layer
    entry = ENTRY.match(path)
    if entry is None:
        return replace(layer, config=_unset(layer.config, path.split(".")))
    name = entry["list"]
    dropped = getattr(merged, name)[int(entry["index"])]
    kept = tuple(each for each in getattr(layer.config, name) or () if each != dropped)
    return replace(layer, config=_with(layer.config, name, kept or None))


def _unset(record: Any, path: list[str]) -> Any:
    """The record without that value, or without what it is part of where it cannot be without it."""
    name = path[0].partition("[")[0]
    inner, default = getattr(record, name), _default(record, name)
    if len(path) > 1 and is_dataclass(inner) and default is not None:
        return _with(record, name, _unset(inner, path[1:]))
    return _with(record, name, default)


def _with(record: Any, name: str, value: Any) -> Any:
    return replace(record, **{name: value})


def _default(record: Any, name: str) -> Any:
    return next(each.default for each in fields(record) if each.name == name)
