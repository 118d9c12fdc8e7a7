"""ResourceClaims of the stand-in API server: read them, and write ``status.devices`` as a driver may."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator

from adapters.standin.api_apply import Managed
from adapters.standin.api_errors import ApiError, bad_request, invalid, not_found
from adapters.standin.api_request import GROUP, Object, Request, require_same
from adapters.standin.api_rules import require_declared, status_mistakes
from adapters.standin.api_store import Store

PLURAL = f"resourceclaims.{GROUP}"
KIND = f"ResourceClaim.{GROUP}"
PARAMETERS = re.compile(rb'"parameters"\s*:\s*')
MOST_DATA = 10240
APPLY = "application/apply-patch+yaml"


class ClaimApi:
    """What can be done to ResourceClaims."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._managed: dict[str, Managed] = {}
        self._unsorted: dict[str, set[str]] = {}

    def get(self, request: Request) -> Object:
        """One claim."""
        return shown(self._existing(request), request.version)

    def create(self, request: Request) -> Object:
        """A new claim; how its opaque parameters are spelt is remembered, for the server keeps them byte for byte."""
        body = request.body("ResourceClaim", f"{GROUP}/{request.version}")
        name = (body.get("metadata") or {}).get("name") or ""
        if not name:
            raise invalid(KIND, "", ["metadata.name: Required value: name or generateName is required"])
        body.pop("status", None)
        with self._store.changed:
            if self._store.get(_key(request.namespace, name)) is not None:
                raise ApiError(409, "AlreadyExists", f'{PLURAL} "{name}" already exists')
            if request.dry:
                return shown(body, request.version)
            stored = self._store.add(_key(request.namespace, name), stored_shape(body, request.version))
            self._unsorted[stored["metadata"]["uid"]] = set(spellings(request.raw))
        return shown(stored, request.version)

    def delete(self, request: Request) -> Object:
        """Remove a claim."""
        with self._store.changed:
            old = self._existing(request)
            if not request.dry:
                self._store.remove(_key(request.namespace, request.name))
        return shown(old, request.version)

    def write_status(self, request: Request) -> Object:
        """PATCH (apply or merge) or PUT of the status; of the status only ``devices`` is taken."""
        body = request.body("ResourceClaim", f"{GROUP}/{request.version}")
        with self._store.changed:
            old = self._existing(request)
            uid = old["metadata"]["uid"]
            _require_claim(request, old, body)
            managed = copy.deepcopy(self._managed.get(uid, Managed()))
            written = self._written(request, managed, old, body)
            new = {**old, "status": {**old.get("status", {}), "devices": written}}
            if not written:
                del new["status"]["devices"]
            if request.dry:
                return shown(new, request.version)
            self._managed[uid] = managed
            return shown(self._store.replace(_key(request.namespace, request.name), new), request.version)

    def forget(self, uid: str) -> None:
        """The claim was deallocated: its entries are gone, and so are their owners."""
        self._managed.pop(uid, None)

    def _written(self, request: Request, managed: Managed, old: Object, body: Object) -> list[Object]:
        before = old.get("status", {}).get("devices") or []
        wanted = (body.get("status") or {}).get("devices") or []
        manager = request.query.get("fieldManager", "")
        applies = request.content_type.startswith(APPLY)
        if applies:
            if not manager:
                raise _no_manager()
            require_declared(f"{request.namespace}/{request.name}", wanted)
            written = managed.apply(manager, before, wanted, request.query.get("force") == "true")
        else:
            written = managed.update(manager or "unknown", before, wanted)
        mistakes = [*status_mistakes(written, _allocated(old)), *_data_mistakes(written)]
        spelt = self._unsorted.get(old["metadata"]["uid"], set())
        if (applies and spelt) or "spaces" in spelt:
            mistakes.insert(0, 'status.allocation: Invalid value: "<value omitted>": field is immutable')
        if mistakes:
            raise invalid(KIND, request.name, mistakes)
        return written

    def _existing(self, request: Request) -> Object:
        found = self._store.get(_key(request.namespace, request.name))
        if found is None:
            raise not_found(PLURAL, request.name)
        return found


def spellings(raw: bytes) -> Iterator[str]:
    """How opaque parameters in a body differ from what the server itself would write: ``order`` of keys, ``spaces``.

    An apply rewrites them with sorted keys, every other JSON write keeps the order and drops spaces; what then differs
    from the stored bytes counts as a change of the allocation, which is immutable.
    """
    text = raw.decode()
    for match in PARAMETERS.finditer(raw):
        start = len(raw[: match.end()].decode())
        value, end = json.JSONDecoder().raw_decode(text, start)
        if _compact(value) != text[start:end]:
            yield "spaces"
        if _compact(value) != json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")):
            yield "order"


def shown(body: Object, version: str) -> Object:
    """A stored claim in the shape of ``version``: v1beta1 has what a request asks for beside its name."""
    if version == "v1beta1":
        body = _with_requests(
            body, lambda request: {"name": request["name"], **request.get("exactly", {}), **_first(request)}
        )
    return {**body, "kind": "ResourceClaim", "apiVersion": f"{GROUP}/{version}"}


def stored_shape(body: Object, version: str) -> Object:
    """A claim as it came, in the shape of v1."""
    if version == "v1beta1":
        body = _with_requests(body, _nested)
    return {**body, "kind": "ResourceClaim", "apiVersion": f"{GROUP}/v1"}


def _with_requests(body: Object, convert: Callable[[Object], Object]) -> Object:
    devices = (body.get("spec") or {}).get("devices") or {}
    requests = [convert(request) for request in devices.get("requests", [])]
    return {**body, "spec": {**body.get("spec", {}), "devices": {**devices, "requests": requests}}}


def _first(request: Object) -> Object:
    return {"firstAvailable": request["firstAvailable"]} if "firstAvailable" in request else {}


def _nested(request: Object) -> Object:
    if "firstAvailable" in request:
        return request
    return {"name": request["name"], "exactly": {key: value for key, value in request.items() if key != "name"}}


def _allocated(claim: Object) -> set[tuple[object, ...]]:
    results = ((claim.get("status") or {}).get("allocation") or {}).get("devices", {}).get("results", [])
    return {(result["driver"], result["pool"], result["device"], result.get("shareID")) for result in results}


def _data_mistakes(entries: list[Object]) -> Iterator[str]:
    for index, entry in enumerate(entries):
        if isinstance(entry.get("data"), dict) and len(_compact(entry["data"]).encode()) > MOST_DATA:
            yield f"status.devices[{index}].data: Too long: may not be more than {MOST_DATA} bytes"


def _require_claim(request: Request, old: Object, body: Object) -> None:
    given = dict(body.get("metadata") or {})
    if request.content_type.startswith(APPLY):
        if "apiVersion" not in body:
            raise bad_request("invalid object type: /, Kind=ResourceClaim")
        if given.get("managedFields") is not None:
            raise bad_request("metadata.managedFields must be nil")
        uid = given.pop("uid", None)
        if uid not in (None, old["metadata"]["uid"]):
            raise invalid(KIND, request.name, [f'metadata.uid: Invalid value: "{uid}": field is immutable'])
    require_same(PLURAL, old, given)


def _no_manager() -> ApiError:
    return invalid("PatchOptions.meta.k8s.io", "", ["fieldManager: Required value: is required for apply patch"])


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key(namespace: str, name: str) -> tuple[str, str, str]:
    return "resourceclaims", namespace, name
