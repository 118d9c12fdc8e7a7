"""Which configuration is in force for each device of a claim.

The API does not say how to combine several entries for one request: ``agent.domain.layers`` defines it. Below those of the
claim are the layers that others than the claim give: its platform's and its profile's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from agent.domain import claims
from agent.domain.claims import Allocated, Configured
from agent.domain.defaults import Check, Fitted, fitted
from agent.domain.layers import Layer, Source
from ports.cluster import Json
from ports.netconfig import InvalidConfig, NetworkConfig, config_mistakes, decode
from ports.plan import ClaimRef

SOURCES = {"FromClass": Source.CLASS, "FromClaim": Source.CLAIM}
Below = Callable[[Allocated], Iterable[Layer]]


def configure(body: Json, claim: ClaimRef, driver: str, below: Below = lambda _: ()) -> tuple[Configured, ...]:
    """This driver's devices with their configuration. INVALID with all mistakes of all entries that apply.

    ``below`` gives the layers of a device that are not the claim's (platform, profile). What all of them give together is
    checked like each of them: rules of the claim do not go with a VRF of the class.
    """
    entries = tuple(_entries(claims.entries(claims.allocation(body), "config"), driver))
    devices = claims.allocated(body, driver)
    used = [entry for entry in entries if any(entry.applies(device.request) for device in devices)]
    _refuse(claim, (mistake for entry in used for mistake in entry.mistakes))
    made = [_configured(device, _in_force(device, entries, below)) for device in devices]
    _refuse(claim, (each.provenance.explain(mistake) for each in made for mistake in config_mistakes(each.config)))
    return tuple(made)


def refitted(device: Configured, check: Check) -> Configured:
    """The device with its platform's values only as far as the check finds nothing wrong in them."""
    if not any(layer.source is Source.PROVIDER for layer in device.layers):
        return device
    made = fitted(device.layers, check)
    return replace(
        device,
        config=made.layered.config,
        provenance=made.layered.provenance,
        layers=made.layers,
        notes=(*device.notes, *made.notes),
    )


def platform_notes(devices: Iterable[Configured]) -> tuple[str, ...]:
    """What of the platform's configuration did not fit, and why; for the log."""
    return tuple(f"device {each.allocated.device}: {note}" for each in devices for note in each.notes)


def _configured(device: Allocated, made: Fitted) -> Configured:
    return Configured(
        allocated=device,
        config=made.layered.config,
        provenance=made.layered.provenance,
        layers=made.layers,
        notes=made.notes,
    )


def _refuse(claim: ClaimRef, mistakes: Iterable[str]) -> None:
    text = "; ".join(dict.fromkeys(mistakes))
    if text:
        raise claims.invalid(claim, text, "correct the parameters in the claim or its DeviceClass")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One opaque entry for this driver; no ``requests`` means all."""

    requests: tuple[str, ...]
    source: Source
    config: NetworkConfig = field(default_factory=NetworkConfig)
    mistakes: tuple[str, ...] = ()

    def applies(self, request: str) -> bool:
        return not self.requests or request in self.requests or request.partition("/")[0] in self.requests


def _in_force(device: Allocated, entries: Iterable[_Entry], below: Below) -> Fitted:
    own = (Layer(source=entry.source, config=entry.config) for entry in entries if entry.applies(device.request))
    return fitted((*below(device), *own), config_mistakes)


def _entries(entries: list[Json], driver: str) -> Iterator[_Entry]:
    for entry in entries:
        opaque = claims.record(entry, "opaque")
        if opaque.get("driver") == driver:
            yield _entry(entry, opaque.get("parameters"))


def _entry(entry: Json, parameters: Any) -> _Entry:
    requests = tuple(str(request) for request in entry.get("requests") or ())
    source = SOURCES.get(str(entry.get("source")), Source.CLAIM)
    try:
        return _Entry(requests=requests, source=source, config=decode(parameters))
    except InvalidConfig as error:
        return _Entry(requests=requests, source=source, mistakes=tuple(f"{source}: {each}" for each in error.mistakes))
