"""One request to the stand-in API server, parsed, with the checks that hold for every resource."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from adapters.standin.api_errors import ApiError, bad_request, conflict

GROUP = "resource.k8s.io"
BODY_TYPES = {
    "POST": ("application/json",),
    "PUT": ("application/json",),
    "PATCH": ("application/apply-patch+yaml", "application/merge-patch+json"),
}
Object = dict[str, Any]
CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What came in; ``version`` is that of the path, empty for core resources."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str = ""
    raw: bytes = b""
    version: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def dry(self) -> bool:
        """Whether nothing may be stored."""
        return self.query.get("dryRun") == "All"

    def body(self, kind: str, api_version: str) -> Object:
        """The object in the body, of this kind and version."""
        self._require_type()
        try:
            found = json.loads(self.raw)
        except ValueError as error:
            shown = self.raw[:200].decode(errors="replace")
            text = f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; {error} ({shown})"
            raise bad_request(text) from error
        if not isinstance(found, dict):
            raise bad_request(f"the object provided is unrecognized (must be of type {kind})")
        _require_same("API version", found.get("apiVersion"), api_version)
        if found.get("kind") not in (None, kind):
            raise bad_request(f'{found["kind"]} in version "{api_version}" cannot be handled as a {kind}')
        self._require_name(found)
        return found

    def options(self) -> Object:
        """The DeleteOptions in the body, empty where there are none."""
        return self.body("DeleteOptions", "v1") if self.raw else {}

    def _require_type(self) -> None:
        accepted = BODY_TYPES.get(self.method, ("application/json",))
        if self.content_type.partition(";")[0] not in accepted:
            text = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
            raise ApiError(415, "UnsupportedMediaType", text)

    def _require_name(self, found: Object) -> None:
        given = (found.get("metadata") or {}).get("name")
        if self.name and given is not None and given != self.name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({self.name})")


def selector(request: Request, kind: str, fields: tuple[str, ...]) -> dict[str, str]:
    """The ``fieldSelector`` as pairs; 400 for a field that this resource does not offer."""
    pairs: dict[str, str] = {}
    for part in filter(None, request.query.get("fieldSelector", "").split(",")):
        name, _, value = part.replace("==", "=").partition("=")
        if name not in fields:
            api = f"{GROUP}/{request.version}" if request.version else "v1"
            raise bad_request(f"field label not supported for {api}, Kind={kind}: {name}")
        pairs[name] = value
    return pairs


def require_same(plural: str, old: Object, given: Object) -> None:
    """409 unless the UID and the resourceVersion that are given are those of the stored object."""
    metadata = old["metadata"]
    if given.get("uid") not in (None, "", metadata["uid"]):
        text = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {metadata['uid']}"
        raise conflict(plural, metadata["name"], text)
    if given.get("resourceVersion") not in (None, "", metadata["resourceVersion"]):
        raise conflict(plural, metadata["name"], CHANGED)


def _require_same(what: str, given: Any, wanted: str) -> None:
    if given not in (None, wanted):
        raise bad_request(f"the {what} in the data ({given}) does not match the expected {what} ({wanted})")
