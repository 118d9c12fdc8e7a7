"""What a ResourceClaim says to this driver: which devices, for which pod, configured how.

The claim is outside data of the ``resource.k8s.io/v1`` shape; it is read once, here, into frozen values. Configuration
comes in layers. The API does not say how to combine several entries for one request, so we define it: they are laid over
one another in the order the API gives them, the class's before the claim's, field by field. A field that an entry does
not mention keeps its value from the entries before; a list that is given replaces the earlier list as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from typing import Any

from ports.cluster import Json
from ports.errors import Code, Failure
from ports.netconfig import InterfaceConfig, InvalidConfig, NetworkConfig, decode
from ports.plan import ClaimRef, PodRef

SOURCES = ("FromClass", "FromClaim")  # in order of precedence, the later one wins


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
    """An allocated device with the configuration that is in force for it."""

    allocated: Allocated
    config: NetworkConfig


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
    """This driver's devices with their configuration. INVALID with all mistakes of all entries that apply."""
    layers = tuple(_layers(_list(_allocation(body), "config"), driver))
    devices = allocated(body, driver)
    used = [layer for layer in layers if any(layer.applies(device.request) for device in devices)]
    mistakes = tuple(dict.fromkeys(mistake for layer in used for mistake in layer.mistakes))
    if mistakes:
        raise _invalid(claim, "; ".join(mistakes), "correct the parameters in the claim or its DeviceClass")
    return tuple(Configured(allocated=device, config=_in_force(device.request, layers)) for device in devices)


def merge(base: NetworkConfig, over: NetworkConfig) -> NetworkConfig:
    """``over`` laid over ``base``: each field that it sets wins, each that it leaves unset stays. Changes neither."""
    return NetworkConfig(
        interface=_merge_interface(base.interface, over.interface),
        routes=base.routes if over.routes is None else over.routes,
    )


def _merge_interface(base: InterfaceConfig, over: InterfaceConfig) -> InterfaceConfig:
    values = {item.name: getattr(over, item.name) for item in fields(over)}
    return replace(base, **{name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """One opaque entry for this driver; no ``requests`` means all."""

    requests: tuple[str, ...]
    config: NetworkConfig = field(default_factory=NetworkConfig)
    mistakes: tuple[str, ...] = ()

    def applies(self, request: str) -> bool:
        return not self.requests or request in self.requests or request.partition("/")[0] in self.requests


def _in_force(request: str, layers: Iterable[_Layer]) -> NetworkConfig:
    return reduce(merge, (layer.config for layer in layers if layer.applies(request)), NetworkConfig())


def _layers(entries: list[Json], driver: str) -> Iterator[_Layer]:
    ours = [entry for entry in entries if _object(entry, "opaque").get("driver") == driver]
    for entry in sorted(ours, key=_precedence):  # stable: the API's order is kept within a source
        yield _layer(entry)


def _precedence(entry: Json) -> int:
    source = entry.get("source")
    return SOURCES.index(source) if source in SOURCES else len(SOURCES)


def _layer(entry: Json) -> _Layer:
    requests = tuple(str(request) for request in entry.get("requests") or ())
    parameters = _object(entry, "opaque").get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        return _Layer(requests=requests, mistakes=(f"{_origin(entry)}: parameters: expected a map",))
    try:
        return _Layer(requests=requests, config=decode(parameters))
    except InvalidConfig as error:
        return _Layer(requests=requests, mistakes=tuple(f"{_origin(entry)}: {text}" for text in error.mistakes))


def _origin(entry: Json) -> str:
    return "device class" if entry.get("source") == "FromClass" else "claim"


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
