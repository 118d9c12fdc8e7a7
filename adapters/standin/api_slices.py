"""ResourceSlices of the stand-in API server: kept in the v1 shape, spoken in the version of the path."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

from adapters.standin.api_errors import ApiError, bad_request, invalid, not_found
from adapters.standin.api_request import GROUP, Object, Request, require_same, selector
from adapters.standin.api_slice_rules import require_types, slice_change_mistakes, slice_mistakes
from adapters.standin.api_store import Change, Store
from adapters.standin.api_stored import as_stored
from adapters.standin.api_words import SUBDOMAIN

PLURAL = f"resourceslices.{GROUP}"
KIND = f"ResourceSlice.{GROUP}"
FIELDS = ("spec.driver", "spec.nodeName", "metadata.name")
SETTABLE = ("labels", "annotations", "ownerReferences")


class SliceApi:
    """What can be done to ResourceSlices. ``dropped`` names fields whose feature gate is off (see ``api_stored``).

    ``policy`` is what an admission policy has against a spec, in its words; nothing where it has nothing.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dropped: set[str] = set()
        self.policy: Callable[[Object], str] = lambda _: ""

    def listing(self, request: Request) -> Object:
        """The collection, or what the selector leaves of it."""
        with self._store.changed:
            wanted = selector(request, "ResourceSlice", FIELDS)
            found = self._store.all("resourceslices", lambda body: matches(body, wanted))
            items = [shown(body, request.version) for body in found]
            metadata = {"resourceVersion": str(self._store.version)}
        return _typed(
            {"metadata": metadata, "items": [_untyped(item) for item in items]}, "ResourceSliceList", request.version
        )

    def get(self, request: Request) -> Object:
        """One slice."""
        return shown(self._existing(request), request.version)

    def create(self, request: Request) -> Object:
        """A new one, under its own name or a generated one."""
        body = self._body(request)
        metadata = body.get("metadata") or {}
        name = metadata.get("name") or _generated(metadata.get("generateName", ""))
        if name and not SUBDOMAIN.fullmatch(name):
            mistake = f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of ...'
            raise invalid(KIND, name, [mistake])
        if not name:
            raise invalid(KIND, "", ["metadata.name: Required value: name or generateName is required"])
        self._require_valid(name, body["spec"], [])
        with self._store.changed:
            if self._store.get(_key(name)) is not None:
                raise ApiError(409, "AlreadyExists", f'{PLURAL} "{name}" already exists')
            stored = {**body, "metadata": {**metadata, "name": name}}
            return shown(stored if request.dry else self._store.add(_key(name), stored), request.version)

    def update(self, request: Request) -> Object:
        """Replace one; guarded by the resourceVersion and the UID where they are given."""
        body = self._body(request)
        with self._store.changed:
            old = self._existing(request)
            given = body.get("metadata") or {}
            require_same(PLURAL, old, given)
            self._require_valid(request.name, body["spec"], slice_change_mistakes(old["spec"], body["spec"]))
            new = {**body, "metadata": {**old["metadata"], **{name: given[name] for name in SETTABLE if name in given}}}
            return shown(new if request.dry else self._store.replace(_key(request.name), new), request.version)

    def delete(self, request: Request) -> Object:
        """Remove one; the preconditions of the options hold."""
        options = request.options()
        with self._store.changed:
            old = self._existing(request)
            require_same(PLURAL, old, options.get("preconditions") or {})
            if not request.dry:
                self._store.remove(_key(request.name))
        return shown(old, request.version)

    def delete_all(self, request: Request) -> Object:
        """Remove what the selector chooses, as the kubelet does when a driver is away."""
        with self._store.changed:
            removed = self.listing(request)
            for item in removed["items"]:
                self._store.remove(_key(item["metadata"]["name"]))
        return removed

    def initial(self, request: Request) -> Iterable[Object]:
        """The synthetic events with which a watch without a version begins."""
        wanted = selector(request, "ResourceSlice", FIELDS)
        bodies = self._store.all("resourceslices", lambda body: matches(body, wanted))
        return [{"type": "ADDED", "object": shown(body, request.version)} for body in bodies]

    def event(self, request: Request, change: Change) -> Object | None:
        """A change as this watch shows it; None for one outside of its selector."""
        if not matches(change.body, selector(request, "ResourceSlice", FIELDS)):
            return None
        return {"type": change.kind, "object": shown(change.body, request.version)}

    def _body(self, request: Request) -> Object:
        body = request.body("ResourceSlice", f"{GROUP}/{request.version}")
        spec = body.get("spec")
        if not isinstance(spec, dict):
            body["spec"] = {}
        if not isinstance(body["spec"].get("devices", []), list | None):
            raise bad_request(f'ResourceSlice in version "{request.version}" cannot be handled as a ResourceSlice')
        found = stored_shape(body, request.version)
        require_types(found["spec"])
        return {**found, "spec": as_stored(found["spec"], self.dropped)}

    def _existing(self, request: Request) -> Object:
        found = self._store.get(_key(request.name))
        if found is None:
            raise not_found(PLURAL, request.name)
        return found

    def _require_valid(self, name: str, spec: Object, more: list[str]) -> None:
        mistakes = [*slice_mistakes(spec), *more]
        if mistakes:
            raise invalid(KIND, name, mistakes)
        words = self.policy(spec)
        if words:
            raise ApiError(422, "Invalid", f'{PLURAL} "{name}" is forbidden: {words}')


def matches(body: Object, wanted: dict[str, str]) -> bool:
    """Whether the object has these values."""
    spec = body.get("spec") or {}
    found = {"spec.driver": spec.get("driver"), "spec.nodeName": spec.get("nodeName")}
    found["metadata.name"] = body["metadata"].get("name")
    return all((found[name] or "") == value for name, value in wanted.items())


def shown(body: Object, version: str) -> Object:
    """A stored slice in the shape of ``version``: v1beta1 nests what a device has under ``basic``."""
    if version == "v1beta1" and body["spec"].get("devices"):
        devices = [
            {"name": device["name"], "basic": {key: value for key, value in device.items() if key != "name"}}
            for device in body["spec"]["devices"]
        ]
        body = {**body, "spec": {**body["spec"], "devices": devices}}
    return _typed(body, "ResourceSlice", version)


def stored_shape(body: Object, version: str) -> Object:
    """A slice as it came, in the shape of v1."""
    if version == "v1beta1":
        devices = [
            {"name": device.get("name"), **(device.get("basic") or {})} for device in body["spec"].get("devices") or []
        ]
        body = {**body, "spec": {**body["spec"], "devices": devices}}
    return _typed(body, "ResourceSlice", "v1")


def _generated(prefix: str) -> str:
    return prefix + uuid.uuid4().hex[:5] if prefix else ""


def _key(name: str) -> tuple[str, str, str]:
    return "resourceslices", "", name


def _typed(body: Object, kind: str, version: str) -> Object:
    return {"kind": kind, "apiVersion": f"{GROUP}/{version}", **_untyped(body)}


def _untyped(body: Object) -> Object:
    return {name: value for name, value in body.items() if name not in ("kind", "apiVersion")}
