"""Configuration in layers: provider, profile, device class, claim, each laid over those before it.

A value that a layer sets wins, also false and 0; one that it leaves unset stays. Lists are gathered: a layer's entries
come after the earlier ones and replace those of the same key, as DRANET does it; an empty list drops what came before,
so that a layer can also start anew. Maps are merged key by key. Nothing that goes in is changed. Of every value the
layer that it comes from is kept, because a mistake in a result of several layers must be looked for in the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from ports.devices import MAIN_TABLE
from ports.netconfig import Mistake, NetworkConfig, VrfConfig
from ports.netconfig.features import covers
from ports.netconfig.texts import address, interface, network


class Source(StrEnum):
    """Who says so; the later one wins."""

    PROVIDER = "provider"
    PROFILE = "profile"
    CLASS = "device class"
    CLAIM = "claim"
    LEASE = "DHCP lease"  # says only what nobody else does


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One configuration and where it comes from."""

    source: Source
    config: NetworkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Which layer each value comes from: ``interface.mtu``, ``routes[1]``, ``ethtool.features.tso``."""

    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, path: str) -> Source | None:
        """The layer of a value, or of the entry that it is part of; None for what no layer has set."""
        while path:
            if path in self.sources:
                return self.sources[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None

    def explain(self, mistake: Mistake) -> str:
        """The mistake with the layers of the values that it lies in."""
        told = ((path, self.of(path)) for path in (mistake.path, *mistake.also))
        known = dict.fromkeys(f"{path} is from the {source}" for path, source in told if source is not None)
        return f"{mistake} ({', '.join(known)})" if known else str(mistake)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layered:
    """What the layers give together."""

    config: NetworkConfig = field(default_factory=NetworkConfig)
    provenance: Provenance = field(default_factory=Provenance)


def lay(layers: Iterable[Layer]) -> Layered:
    """The layers over one another. Between sources their rank decides, within one source the order given."""
    ordered = sorted(layers, key=lambda layer: list(Source).index(layer.source))
    sources: dict[str, Source] = {}
    merged: Any = NetworkConfig()
    for layer in ordered:
        merged, sources = _record(merged, layer.config, "", sources, layer.source)
    return Layered(config=merged, provenance=Provenance(sources=MappingProxyType(sources)))


Sources = dict[str, Source]


def _record(base: Any, over: Any, path: str, sources: Sources, source: Source) -> tuple[Any, Sources]:
    if base is None or _is_another(base, over):
        base, sources = type(over)(), _without(sources, path)
    values = {}
    for each in fields(over):
        one, two, where = getattr(base, each.name), getattr(over, each.name), _below(path, each.name)
        values[each.name], sources = _value(one, two, where, sources, source)
    return type(over)(**values), sources


def _value(base: Any, over: Any, path: str, sources: Sources, source: Source) -> tuple[Any, Sources]:
    if is_dataclass(over):
        return _record(base, over, path, sources, source)
    if over is None or (over == "" and base == ""):
        return base, sources
    if isinstance(over, tuple):
        return _entries(base or (), over, path, sources, source)
    if isinstance(over, Mapping):
        return _switches(base or {}, over, path, sources, source)
    return over, {**sources, path: source}


def _entries(
    base: tuple[Any, ...], over: tuple[Any, ...], path: str, sources: Sources, source: Source
) -> tuple[tuple[Any, ...], Sources]:
    key = _KEYS[path]
    mine = {key(entry) for entry in over}
    kept = [
        (entry, sources.get(f"{path}[{i}]", source)) for i, entry in enumerate(base) if over and key(entry) not in mine
    ]
    merged = (*kept, *((entry, source) for entry in over))
    told = {f"{path}[{i}]": origin for i, (_, origin) in enumerate(merged)}
    return tuple(entry for entry, _ in merged), {**_without(sources, path), path: source, **told}


def _switches(
    base: Mapping[str, Any], over: Mapping[str, Any], path: str, sources: Sources, source: Source
) -> tuple[Mapping[str, Any], Sources]:
    kept = {name: base[name] for name in base if over and not any(covers(other, name) for other in over)}
    origins = {f"{path}.{name}": sources.get(f"{path}.{name}", source) for name in kept}
    told = {f"{path}.{name}": source for name in over}
    return {**kept, **over}, {**_without(sources, path), path: source, **origins, **told}


def _is_another(base: Any, over: Any) -> bool:
    """Whether ``over`` is of another thing than ``base``: a VRF of another name shares nothing with the first."""
    return isinstance(over, VrfConfig) and base.name != over.name


def _without(sources: Sources, path: str) -> Sources:
    return {where: source for where, source in sources.items() if not where.startswith((f"{path}.", f"{path}["))}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _route_key(route: Any) -> Hashable:
    return network(route.destination), route.table or MAIN_TABLE


def _address_key(prefix: str) -> Hashable:
    found = interface(prefix)
    return found and found.ip


_KEYS: Mapping[str, Callable[[Any], Hashable]] = {
    "interface.addresses": _address_key,
    "interface.alternativeNames": lambda name: name,
    "routes": _route_key,
    "rules": lambda rule: rule,
    "neighbors": lambda neighbour: address(neighbour.destination),
}
