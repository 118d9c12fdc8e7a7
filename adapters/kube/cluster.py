"""``ports.cluster.Cluster`` in front of a real API server, whichever version of ``resource.k8s.io`` it serves."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from adapters.kube.connection import Connection, load_configuration
from adapters.kube.events import event_body, event_namespace
from adapters.kube.status import APPLY, MERGE, apply_body, apply_cannot_work, merge_body
from adapters.kube.versions import GROUP, choose, claim_from, slice_from, slice_to
from adapters.kube.watching import change
from ports.cluster import Change, Json, Listed, Notice
from ports.errors import Code, Failure
from ports.plan import ClaimRef

log = logging.getLogger("knd.kube")
MERGE_TRIES = 5
SLACK = 5.0  # seconds of patience after the moment at which the server should have ended a watch
SILENCE = 150.0  # seconds; servers send a bookmark each minute, so that a watch that hangs is noticed


class KubeCluster:
    """Connects with the first call, not when it is made; the API version is looked up then and kept."""

    def __init__(self, kubeconfig: str, node: str, driver: str) -> None:
        """``kubeconfig`` is a path, empty for the pod's service account; INVALID when it cannot be used."""
        self._http = Connection(partial(load_configuration, kubeconfig))
        self._node = node
        self._driver = driver
        self._lock = threading.Lock()
        self._known_version = ""

    def close(self) -> None:
        """Drop idle connections."""
        self._http.close()

    def claim(self, namespace: str, name: str) -> Json:
        found = self._http.call(f"claim {namespace}/{name}", "GET", self._claim_path(namespace, name))
        return claim_from(found, self._version())

    def apply_device_status(self, claim: ClaimRef, devices: tuple[Json, ...], manager: str) -> None:
        body = apply_body(claim, f"{GROUP}/{self._version()}", devices)
        try:
            self._patch_status(claim, body, {"fieldManager": manager, "force": "true"}, APPLY)
        except Failure as failure:
            if not apply_cannot_work(failure):
                raise
            log.info("the status is written by a merge patch: %s", failure, extra={"claim": str(claim)})
            self._merge_status(claim, devices, manager)

    def slices(self) -> Listed:
        found = self._listed()
        version = str(found.get("metadata", {}).get("resourceVersion", ""))
        bodies = tuple(slice_from(body, self._version()) for body in found.get("items") or ())
        return Listed(version=version, bodies=bodies)

    def create_slice(self, body: Json) -> Json:
        return self._post_slice(body, {})

    def try_slice(self, body: Json) -> None:
        self._post_slice(body, {"dryRun": "All"})

    def update_slice(self, body: Json) -> Json:
        name = body["metadata"]["name"]
        sent = slice_to(self._version(), body)
        found = self._http.call(f"ResourceSlice {name}", "PUT", self._slice_path(name), body=sent)
        return slice_from(found, self._version())

    def delete_slice(self, name: str) -> None:
        try:
            self._http.call(f"ResourceSlice {name}", "DELETE", self._slice_path(name))
        except Failure as failure:
            if failure.code is not Code.NOT_FOUND:
                raise

    def changes(self, version: str, timeout: float) -> Iterator[Change]:
        seconds = max(1, math.ceil(timeout))
        query = {**self._ours(), "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version}
        query["timeoutSeconds"] = str(seconds)
        try:
            for event in self._http.lines("ResourceSlices", self._slice_path(), query, min(seconds + SLACK, SILENCE)):
                yield change(event, self._version())
        except Failure as failure:
            if failure.code is not Code.DEADLINE:
                raise
            log.debug("the watch of ResourceSlices was silent: %s", failure)

    def node_uid(self) -> str:
        found = self._http.call(f"node {self._node}", "GET", f"/api/v1/nodes/{quote(self._node, safe='')}")
        return str(found["metadata"]["uid"])

    def notify(self, notice: Notice) -> None:
        api_version = f"{GROUP}/{self._version()}" if notice.kind.startswith("Resource") else "v1"
        if notice.kind == "Node" and not notice.uid:
            notice = replace(notice, uid=self.node_uid())  # kubectl shows no Event of a Node that lacks it
        body = event_body(notice, self._driver, self._node, api_version)
        path = f"/api/v1/namespaces/{quote(event_namespace(notice), safe='')}/events"
        self._http.call(f"Event for {notice.kind} {notice.name}", "POST", path, body=body)

    def _post_slice(self, body: Json, query: dict[str, str]) -> Json:
        metadata = body.get("metadata", {})
        subject = f"ResourceSlice {metadata.get('name') or metadata.get('generateName', '')}"
        sent = slice_to(self._version(), body)
        found = self._http.call(subject, "POST", self._slice_path(), query=query, body=sent)
        return slice_from(found, self._version())

    def _listed(self) -> Json:
        try:
            return self._http.call("ResourceSlices", "GET", self._slice_path(), query=self._ours())
        except Failure as failure:
            if failure.code is Code.NOT_FOUND:  # a list is never not found: the server no longer serves this version
                self._known_version = ""
            raise

    def _version(self) -> str:
        with self._lock:
            if not self._known_version:
                self._known_version = choose(self._group())
                log.info("the API server serves %s/%s", GROUP, self._known_version)
            return self._known_version

    def _group(self) -> Json:
        try:
            return self._http.call(GROUP, "GET", f"/apis/{GROUP}")
        except Failure as failure:
            if failure.code is not Code.NOT_FOUND:
                raise
            return {}

    def _slice_path(self, name: str = "") -> str:
        collection = f"/apis/{GROUP}/{self._version()}/resourceslices"
        return f"{collection}/{quote(name, safe='')}" if name else collection

    def _claim_path(self, namespace: str, name: str) -> str:
        place = f"namespaces/{quote(namespace, safe='')}/resourceclaims/{quote(name, safe='')}"
        return f"/apis/{GROUP}/{self._version()}/{place}"

    def _ours(self) -> dict[str, str]:
        return {"fieldSelector": f"spec.driver={self._driver},spec.nodeName={self._node}"}

    def _patch_status(self, claim: ClaimRef, body: Json, query: dict[str, str], content_type: str) -> None:
        path = self._claim_path(claim.namespace, claim.name) + "/status"
        self._http.call(str(claim), "PATCH", path, query=query, body=body, content_type=content_type)

    def _merge_status(self, claim: ClaimRef, devices: tuple[Json, ...], manager: str) -> None:
        for _ in range(MERGE_TRIES):
            stored = self.claim(claim.namespace, claim.name)
            body = merge_body(claim, stored, self._driver, devices)
            try:
                self._patch_status(claim, body, {"fieldManager": manager}, MERGE)
            except Failure as failure:
                if failure.code is not Code.CONFLICT:
                    raise
                conflict = failure
                continue
            return
        raise conflict
