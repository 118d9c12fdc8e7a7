"""From a request's path to what answers it. What is not here is answered 404, as a server without that API would."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace

from adapters.standin.api_claims import ClaimApi
from adapters.standin.api_errors import ApiError, invalid, no_such_resource, not_found
from adapters.standin.api_request import GROUP, Object, Request
from adapters.standin.api_slices import SliceApi
from adapters.standin.api_store import Store

Handler = Callable[[Request], Object]
VERSIONED = rf"/apis/{re.escape(GROUP)}/(?P<version>v1|v1beta1|v1beta2)"
CLAIMS = VERSIONED + r"/namespaces/(?P<namespace>[^/]+)/resourceclaims"
NAME = r"/(?P<name>[^/]+)"


class Routes:
    """All resources of one stand-in server over one store."""

    def __init__(self, store: Store, versions: tuple[str, ...]) -> None:
        self.store = store
        self.slices = SliceApi(store)
        self.claims = ClaimApi(store)
        self._versions = versions
        self._routes: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
            (method, re.compile(pattern), handler) for method, pattern, handler in self._table()
        )

    def answer(self, request: Request) -> tuple[int, Object]:
        """Status and body; raises ``ApiError``."""
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return (201 if method == "POST" else 200), handler(self._located(request, match))
        raise no_such_resource()

    def watched(self, request: Request) -> Request | None:
        """The request, located, when it watches ResourceSlices; None when it watches nothing."""
        match = re.fullmatch(VERSIONED + "/resourceslices", request.path)
        if not match or request.method != "GET" or request.query.get("watch") not in ("1", "true"):
            return None
        return self._located(request, match)

    def _table(self) -> Iterator[tuple[str, str, Handler]]:
        slices, claims = self.slices, self.claims
        yield "GET", "/version", lambda _: {"major": "1", "minor": "36", "gitVersion": "v1.36.2-standin"}
        yield "GET", f"/apis/{re.escape(GROUP)}", self._group
        yield "GET", VERSIONED + "/resourceslices", slices.listing
        yield "POST", VERSIONED + "/resourceslices", slices.create
        yield "DELETE", VERSIONED + "/resourceslices", slices.delete_all
        yield "GET", VERSIONED + "/resourceslices" + NAME, slices.get
        yield "PUT", VERSIONED + "/resourceslices" + NAME, slices.update
        yield "DELETE", VERSIONED + "/resourceslices" + NAME, slices.delete
        yield "POST", CLAIMS, claims.create
        yield "GET", CLAIMS + NAME, claims.get
        yield "DELETE", CLAIMS + NAME, claims.delete
        yield "PATCH", CLAIMS + NAME + "/status", claims.write_status
        yield "PUT", CLAIMS + NAME + "/status", claims.write_status
        yield "GET", "/api/v1/nodes" + NAME, self._node
        yield "POST", "/api/v1/namespaces/(?P<namespace>[^/]+)/events", self._event

    def _located(self, request: Request, match: re.Match[str]) -> Request:
        found = {name: value for name, value in match.groupdict().items() if value is not None}
        if "version" in found and found["version"] not in self._versions:
            raise no_such_resource()
        version, namespace, name = (found.get(part, "") for part in ("version", "namespace", "name"))
        return replace(request, version=version, namespace=namespace, name=name)

    def _group(self, _: Request) -> Object:
        if not self._versions:
            raise no_such_resource()
        versions = [{"groupVersion": f"{GROUP}/{version}", "version": version} for version in self._versions]
        return {
            "kind": "APIGroup",
            "apiVersion": "v1",
            "name": GROUP,
            "versions": versions,
            "preferredVersion": versions[0],
        }

    def _node(self, request: Request) -> Object:
        found = self.store.get(("nodes", "", request.name))
        if found is None:
            raise not_found("nodes", request.name)
        return found

    def _event(self, request: Request) -> Object:
        body = request.body("Event", "v1")
        metadata = body.get("metadata") or {}
        name = metadata.get("name") or (
            metadata.get("generateName", "") and metadata["generateName"] + uuid.uuid4().hex[:5]
        )
        if not name:
            raise invalid("Event", "", ["metadata.name: Required value: name or generateName is required"])
        about = (body.get("involvedObject") or {}).get("namespace") or "default"
        if about != request.namespace:
            raise invalid(
                "Event", name, [f'involvedObject.namespace: Invalid value: "{about}": does not match event.namespace']
            )
        if self.store.get(("events", request.namespace, name)) is not None:
            raise ApiError(409, "AlreadyExists", f'events "{name}" already exists')
        return body if request.dry else self.store.add(("events", request.namespace, name), body)
