"""What a ResourceClaim says to this driver: which devices, for which pod, configured how.

The claim is outside data of the ``resource.k8s.io/v1`` shape; it is read once, here, into frozen values. What its entries of
configuration give together is in ``agent.domain.configuring``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.domain.layers import Layer, Provenance
from ports.cluster import Json
from ports.dhcp import Lease
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig
from ports.plan import ClaimRef, PodRef


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
    """An allocated device with the configuration that is in force for it, and where each value of that comes from.

    ``layers`` are those that it was made of; ``notes`` tell what of the platform's did not fit; ``leases`` are what DHCP
    servers gave, one a family.
    """

    allocated: Allocated
    config: NetworkConfig
    provenance: Provenance = field(default_factory=Provenance)
    layers: tuple[Layer, ...] = ()
    notes: tuple[str, ...] = ()
    leases: tuple[Lease, ...] = ()


def require_same(body: Json, claim: ClaimRef) -> None:
    """Refuse a claim of the same name that is not the one asked for (CONFLICT)."""
    uid = record(body, "metadata").get("uid")
    if uid != claim.uid:
        raise Failure(
            Code.CONFLICT,
            str(claim),
            f"was replaced: its UID is {uid}, asked for was {claim.uid}",
            "the pod has to be created again",
        )


def allocated(body: Json, driver: str) -> tuple[Allocated, ...]:
    """This driver's allocation results, in the claim's order; empty when nothing is allocated or nothing is ours."""
    results = entries(allocation(body), "results")
    return tuple(_result(result) for result in results if result.get("driver") == driver)


def is_allocated(body: Json) -> bool:
    """Whether the scheduler has given this claim anything at all."""
    return bool(record(record(body, "status"), "allocation"))


def consumer(body: Json, claim: ClaimRef) -> PodRef:
    """The one pod that the claim is reserved for. INVALID for none, for several, and for what is not a pod.

    A network interface is in one network namespace at a time, so a claim of ours serves one pod.
    """
    consumers = entries(record(body, "status"), "reservedFor")
    others = [entry for entry in consumers if entry.get("resource") != "pods" or entry.get("apiGroup")]
    if others:
        raise invalid(claim, f"reserved for {_kind(others[0])}", "only pods can use a claim of this driver")
    if len(consumers) != 1:
        names = ", ".join(sorted(str(entry.get("name")) for entry in consumers)) or "no pod"
        raise invalid(
            claim,
            f"reserved for {len(consumers)} pods ({names}), not for exactly one",
            "give each pod its own claim, for example with a ResourceClaimTemplate",
        )
    pod = consumers[0]
    return PodRef(namespace=claim.namespace, name=str(pod.get("name", "")), uid=str(pod.get("uid", "")))


def consumer_uids(body: Json) -> frozenset[str]:
    """The UIDs of everybody the claim is reserved for."""
    return frozenset(str(entry.get("uid")) for entry in entries(record(body, "status"), "reservedFor"))


def _result(result: Json) -> Allocated:
    return Allocated(
        request=str(result.get("request", "")),
        pool=str(result.get("pool", "")),
        device=str(result.get("device", "")),
        share_id=result.get("shareID"),
        admin_access=result.get("adminAccess") is True,
    )


def allocation(body: Json) -> Json:
    """What the scheduler has given the claim."""
    return record(record(record(body, "status"), "allocation"), "devices")


def record(body: Json, key: str) -> Json:
    """An object of an object, empty when it is not there or none."""
    value: Any = body.get(key)
    return value if isinstance(value, dict) else {}


def entries(body: Json, key: str) -> list[Json]:
    """The objects of a list of an object."""
    value: Any = body.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _kind(entry: Json) -> str:
    group = entry.get("apiGroup")
    return f"{entry.get('resource')}{'.' + group if group else ''} {entry.get('name')}"


def invalid(claim: ClaimRef, detail: str, hint: str) -> Failure:
    """A claim that can never be carried out as it stands."""
    return Failure(Code.INVALID, str(claim), detail, hint)
