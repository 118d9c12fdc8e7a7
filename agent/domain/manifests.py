"""What is wrong with claims, claim templates and device classes before anybody applies them; pure.

The same checks as when a claim is prepared, as far as they need no device: each entry of configuration by itself, and what
the entries for one request give together, with those of its class where the class is among the objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.domain.layers import Layer, Source, lay
from ports.cluster import Json
from ports.netconfig import InvalidConfig, NetworkConfig, config_mistakes, decode

GROUP = "resource.k8s.io/"
CLASS, CLAIM, TEMPLATE = "DeviceClass", "ResourceClaim", "ResourceClaimTemplate"
Classes = Mapping[str, tuple[NetworkConfig, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """One object of a file: ``where`` is its kind and name for people, ``path`` leads to its list of configuration."""

    where: str
    kind: str
    name: str
    path: str
    devices: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One configuration that could be read, and the requests it is for; none means all."""

    requests: tuple[str, ...]
    config: NetworkConfig

    def applies(self, request: str) -> bool:
        return not self.requests or request in self.requests or request.partition("/")[0] in self.requests


def manifests(document: object) -> Iterator[Manifest]:
    """The objects of a document that can hold parameters; those inside a ``List`` too."""
    body = document if isinstance(document, dict) else {}
    if str(body.get("kind", "")).endswith("List"):
        for item in _entries(body, "items"):
            yield from manifests(item)
    elif str(body.get("apiVersion", "")).startswith(GROUP) and body.get("kind") in (CLASS, CLAIM, TEMPLATE):
        yield _manifest(body)


def classes(found: Iterable[Manifest], driver: str) -> dict[str, tuple[NetworkConfig, ...]]:
    """The configuration of each device class, by name, as far as it can be read."""
    return {
        each.name: tuple(config for _, config in _read(each, driver) if isinstance(config, NetworkConfig))
        for each in found
        if each.kind == CLASS
    }


def mistakes(manifest: Manifest, known: Classes, driver: str) -> Iterator[str]:
    """All mistakes of one object, each with its path."""
    entries: list[_Entry] = []
    for index, config in _read(manifest, driver):
        path = f"{manifest.path}[{index}]"
        requests = _requests(_entries(manifest.devices, "config")[index])
        yield from _unknown_requests(manifest, requests, path)
        if isinstance(config, InvalidConfig):
            yield from (f"{path}.opaque.{mistake}" for mistake in config.mistakes)
        else:
            entries.append(_Entry(requests=requests, config=config))
    yield from dict.fromkeys(_together(manifest, tuple(entries), known))


def _together(manifest: Manifest, entries: tuple[_Entry, ...], known: Classes) -> Iterator[str]:
    """What only the entries for one request have wrong together; a class is one request to itself."""
    own = Source.CLASS if manifest.kind == CLASS else Source.CLAIM
    requests = {"": ""} if manifest.kind == CLASS else dict(_asked(manifest))
    for request, of_class in requests.items():
        layers = [Layer(source=Source.CLASS, config=config) for config in known.get(of_class, ())]
        layers += [Layer(source=own, config=entry.config) for entry in entries if entry.applies(request)]
        if len(layers) > 1:
            laid = lay(layers)
            named = f"request {request}: " if request else ""
            yield from (
                f"{manifest.path}: {named}{laid.provenance.explain(each)}" for each in config_mistakes(laid.config)
            )


def _read(manifest: Manifest, driver: str) -> Iterator[tuple[int, NetworkConfig | InvalidConfig]]:
    for index, entry in enumerate(_entries(manifest.devices, "config")):
        opaque = _map(entry, "opaque")
        if opaque.get("driver") == driver:
            try:
                yield index, decode(opaque.get("parameters"))
            except InvalidConfig as error:
                yield index, error


def _unknown_requests(manifest: Manifest, requests: tuple[str, ...], path: str) -> Iterator[str]:
    asked = {name for request, _ in _asked(manifest) for name in (request, request.partition("/")[0])}
    for index, request in enumerate(requests):
        if request not in asked:
            named = ", ".join(sorted(asked)) or "none"
            yield f"{path}.requests[{index}]: {request!r} is no request of this claim (it has {named})"


def _asked(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The requests and subrequests with their device class; v1 has an ``exactly`` around what v1beta1 has plain."""
    for request in _entries(manifest.devices, "requests"):
        name, alternatives = str(request.get("name", "")), _entries(request, "firstAvailable")
        for sub in alternatives:
            yield f"{name}/{sub.get('name', '')}", str(sub.get("deviceClassName", ""))
        if not alternatives:
            yield name, str((_map(request, "exactly") or request).get("deviceClassName", ""))


def _requests(entry: Json) -> tuple[str, ...]:
    given = entry.get("requests")
    return tuple(map(str, given)) if isinstance(given, list) else ()


def _manifest(body: Json) -> Manifest:
    kind, metadata = str(body["kind"]), _map(body, "metadata")
    namespace = metadata.get("namespace")
    name = str(metadata.get("name") or metadata.get("generateName") or "without a name")
    spec = _map(body, "spec")
    place = {CLASS: "spec", CLAIM: "spec.devices", TEMPLATE: "spec.spec.devices"}[kind]
    inner = {CLASS: spec, CLAIM: _map(spec, "devices"), TEMPLATE: _map(_map(spec, "spec"), "devices")}[kind]
    where = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    return Manifest(where=where, kind=kind, name=name, path=f"{place}.config", devices=inner)


def _map(body: Json, key: str) -> Json:
    value: Any = body.get(key)
    return value if isinstance(value, dict) else {}


def _entries(body: Json, key: str) -> list[Json]:
    """The list at ``key``; what is no map in it counts as an empty one, so that the places keep their numbers."""
    value: Any = body.get(key)
    return [entry if isinstance(entry, dict) else {} for entry in value] if isinstance(value, list) else []
