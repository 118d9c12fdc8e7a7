"""What a ResourceClaim says to this driver: which devices, for which pod, configured how.

The claim is outside data of the ``resource.k8s.io/v1`` shape; it is read once, here, into frozen values. The API does not
say how to combine several entries of configuration for one request: ``agent.domain.layers`` defines it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.domain.layers import Layer, Layered, Provenance, Source, lay
from ports.cluster import Json
from ports.errors import Code, Failure
from ports.netconfig import InvalidConfig, NetworkConfig, config_mistakes, decode
from ports.plan import ClaimRef, PodRef

SOURCES = {"FromClass": Source.CLASS, "FromClaim": Source.CLAIM}


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocated:
    """One allocation result of this driver. ``request`` is ``name`` or ``name/subrequest``.

    ``share_id`` is set for a device that several claims may use. With ``admin_access`` the claim may look at the device
    while somebody else uses it, so it is never taken away from there.
    """

    request: str
    pool: str
    device: str
    share_id: str | None = None
    admin_access: bool = False

    @property
    def base_request(self) -> str:
        """The request without the subrequest, as the kubelet wants it."""
        return self.request.partition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Configured:
    """An allocated device with the configuration that is in force for it, and where each value of that comes from."""

    allocated: Allocated
    config: NetworkConfig
    provenance: Provenance = field(default_factory=Provenance)


def require_same(body: Json, claim: ClaimRef) -> None:
    """Refuse a claim of the same name that is not the one asked for (CONFLICT)."""
    uid = _object(body, "metadata").get("uid")
    if uid != claim.uid:
        raise Failure(
            Code.CONFLICT,
            str(claim),
            f"was replaced: its UID is {uid}, asked for was {claim.uid}",
            "the pod has to be created again",
        )


def allocated(body: Json, driver: str) -> tuple[Allocated, ...]:
    """This driver's allocation results, in the claim's order; empty when nothing is allocated or nothing is ours."""
    results = _list(_allocation(body), "results")
    return tuple(_result(result) for result in results if result.get("driver") == driver)


def is_allocated(body: Json) -> bool:
    """Whether the scheduler has given this claim anything at all."""
    return bool(_object(_object(body, "status"), "allocation"))


def consumer(body: Json, claim: ClaimRef) -> PodRef:
    """The one pod that the claim is reserved for. INVALID for none, for several, and for what is not a pod.

    A network interface is in one network namespace at a time, so a claim of ours serves one pod.
    """
    consumers = _list(_object(body, "status"), "reservedFor")
    others = [entry for entry in consumers if entry.get("resource") != "pods" or entry.get("apiGroup")]
    if others:
        raise _invalid(claim, f"reserved for {_kind(others[0])}", "only pods can use a claim of this driver")
    if len(consumers) != 1:
        names = ", ".join(sorted(str(entry.get("name")) for entry in consumers)) or "no pod"
        raise _invalid(
            claim,
            f"reserved for {len(consumers)} pods ({names}), not for exactly one",
            "give each pod its own claim, for example with a ResourceClaimTemplate",
        )
    pod = consumers[0]
    return PodRef(namespace=claim.namespace, name=str(pod.get("name", "")), uid=str(pod.get("uid", "")))


def consumer_uids(body: Json) -> frozenset[str]:
    """The UIDs of everybody the claim is reserved for."""
    return frozenset(str(entry.get("uid")) for entry in _list(_object(body, "status"), "reservedFor"))


def configure(body: Json, claim: ClaimRef, driver: str) -> tuple[Configured, ...]:
    """This driver's devices with their configuration. INVALID with all mistakes of all entries that apply.

    What the entries give together is checked like each of them: rules of the claim do not go with a VRF of the class.
    """
    entries = tuple(_entries(_list(_allocation(body), "config"), driver))
    devices = allocated(body, driver)
    used = [entry for entry in entries if any(entry.applies(device.request) for device in devices)]
    _refuse(claim, (mistake for entry in used for mistake in entry.mistakes))
    layered = [_in_force(device.request, entries) for device in devices]
    _refuse(claim, (each.provenance.explain(mistake) for each in layered for mistake in config_mistakes(each.config)))
    return tuple(
        Configured(allocated=device, config=each.config, provenance=each.provenance)
        for device, each in zip(devices, layered, strict=True)
    )


def _refuse(claim: ClaimRef, mistakes: Iterable[str]) -> None:
    text = "; ".join(dict.fromkeys(mistakes))
    if text:
        raise _invalid(claim, text, "correct the parameters in the claim or its DeviceClass")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One opaque entry for this driver; no ``requests`` means all."""

    requests: tuple[str, ...]
    source: Source
    config: NetworkConfig = field(default_factory=NetworkConfig)
    mistakes: tuple[str, ...] = ()

    def applies(self, request: str) -> bool:
        return not self.requests or request in self.requests or request.partition("/")[0] in self.requests


def _in_force(request: str, entries: Iterable[_Entry]) -> Layered:
    return lay(Layer(source=entry.source, config=entry.config) for entry in entries if entry.applies(request))


def _entries(entries: list[Json], driver: str) -> Iterator[_Entry]:
    for entry in entries:
        opaque = _object(entry, "opaque")
        if opaque.get("driver") == driver:
            yield _entry(entry, opaque.get("parameters"))


def _entry(entry: Json, parameters: Any) -> _Entry:
    requests = tuple(str(request) for request in entry.get("requests") or ())
    source = SOURCES.get(str(entry.get("source")), Source.CLAIM)
    try:
        return _Entry(requests=requests, source=source, config=decode(parameters))
    except InvalidConfig as error:
        return _Entry(requests=requests, source=source, mistakes=tuple(f"{source}: {each}" for each in error.mistakes))


def _result(result: Json) -> Allocated:
    return Allocated(
        request=str(result.get("request", "")),
        pool=str(result.get("pool", "")),
        device=str(result.get("device", "")),
        share_id=result.get("shareID"),
        admin_access=result.get("adminAccess") is True,
    )


def _allocation(body: Json) -> Json:
    return _object(_object(_object(body, "status"), "allocation"), "devices")


def _object(body: Json, key: str) -> Json:
    value: Any = body.get(key)
    return value if isinstance(value, dict) else {}


def _list(body: Json, key: str) -> list[Json]:
    value: Any = body.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _kind(entry: Json) -> str:
    group = entry.get("apiGroup")
    return f"{entry.get('resource')}{'.' + group if group else ''} {entry.get('name')}"


def _invalid(claim: ClaimRef, detail: str, hint: str) -> Failure:
    return Failure(Code.INVALID, str(claim), detail, hint)
