"""The versions of ``resource.k8s.io`` and what differs between them: v1beta1 nests devices and flattens requests.

v1beta2 (Kubernetes 1.33) has the shape of v1 (1.34). The status of a claim is the same in all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ports.cluster import Json
from ports.errors import Code, Failure

GROUP = "resource.k8s.io"
VERSIONS = ("v1", "v1beta2", "v1beta1")
REQUEST_CHOICES = frozenset({"name", "exactly", "firstAvailable"})


def choose(group: Json) -> str:
    """The best version that both of us know, from the answer of ``/apis/resource.k8s.io``."""
    served = {version.get("version") for version in group.get("versions", ())}
    best = next((version for version in VERSIONS if version in served), None)
    if best is None:
        offered = ", ".join(sorted(filter(None, served))) or "none"
        raise Failure(Code.UNAVAILABLE, GROUP, f"the API server serves {offered}", f"enable {GROUP}/v1")
    return best


def slice_to(version: str, body: Json) -> dict[str, Any]:
    """A v1 ResourceSlice in the shape of ``version``."""
    return _typed(_with_devices(body, _nested) if version == "v1beta1" else dict(body), version, "ResourceSlice")


def slice_from(body: Json, version: str) -> dict[str, Any]:
    """A ResourceSlice of ``version`` in the shape of v1."""
    return _typed(_with_devices(body, _unnested) if version == "v1beta1" else dict(body), "v1", "ResourceSlice")


def claim_from(body: Json, version: str) -> dict[str, Any]:
    """A ResourceClaim of ``version`` in the shape of v1."""
    found = _typed(dict(body), "v1", "ResourceClaim")
    devices = found.get("spec", {}).get("devices", {})
    if version == "v1beta1" and "requests" in devices:
        requests = [_exactly(request) for request in devices["requests"]]
        found["spec"] = {**found["spec"], "devices": {**devices, "requests": requests}}
    return found


def _typed(body: dict[str, Any], version: str, kind: str) -> dict[str, Any]:
    return {**body, "apiVersion": f"{GROUP}/{version}", "kind": kind}


def _with_devices(body: Json, convert: Any) -> dict[str, Any]:
    spec = body.get("spec", {})
    if not spec.get("devices"):
        return dict(body)
    return {**body, "spec": {**spec, "devices": [convert(device) for device in spec["devices"]]}}


def _nested(device: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": device["name"], "basic": {key: value for key, value in device.items() if key != "name"}}


def _unnested(device: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": device["name"], **(device.get("basic") or {})}


def _exactly(request: Mapping[str, Any]) -> dict[str, Any]:
    if "firstAvailable" in request:
        return dict(request)
    flat = {key: value for key, value in request.items() if key not in REQUEST_CHOICES}
    return {"name": request["name"], "exactly": flat}
