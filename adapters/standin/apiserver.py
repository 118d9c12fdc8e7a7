"""A stand-in API server on a loopback port: real HTTP and JSON for the little of Kubernetes that a DRA driver uses.

It answers as recorded from a real server for what it serves: discovery, ResourceSlices (with watches), ResourceClaims and
their status, the Node, Events. For demo and tests it also plays the scheduler (``allocate``) and lets one wait for things.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from typing import Any

from adapters.standin.api_errors import ApiError
from adapters.standin.api_http import Handler
from adapters.standin.api_request import Object, Request
from adapters.standin.api_routes import Routes
from adapters.standin.api_store import Store
from adapters.standin.api_traffic import Traffic

ALL_VERSIONS = ("v1", "v1beta2", "v1beta1")
Result = tuple[str, str, str]  # request, pool, device


class StandinApiServer:
    """``start`` serves on a free port of 127.0.0.1 and keeps it over ``stop`` and ``start``; the objects survive as well."""

    def __init__(self, node: str = "node1", versions: tuple[str, ...] = ALL_VERSIONS, token: str = "standin") -> None:
        self.node = node
        self.token = token
        self.store = Store()
        self.routes = Routes(self.store, versions)
        self.requests: list[Request] = []
        self.traffic = Traffic()
        self.retry_after = 0
        self.bookmark_seconds = 60.0
        self._failures: list[ApiError] = []
        self._port = 0
        self._server: _Server | None = None
        self.node_uid = str(
            self.store.add(("nodes", "", node), {"kind": "Node", "apiVersion": "v1"})["metadata"]["uid"]
        )

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve, in threads."""
        self._server = _Server(("127.0.0.1", self._port), Handler)
        self._server.api = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="standin-api", daemon=True).start()

    def stop(self) -> None:
        """Serve no more and break every connection, as a server that goes away does."""
        server, self._server = self._server, None
        if server is not None:
            server.end()
            with self.store.changed:
                self.store.changed.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether watches should end."""
        return self._server is None

    def kubeconfig(self, path: str) -> str:
        """Write a kubeconfig (mode 0600) that leads here; the path again."""
        named = {"name": "standin"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{**named, "cluster": {"server": self.url}}],
            "users": [{**named, "user": {"token": self.token}}],
            "contexts": [{**named, "context": {"cluster": "standin", "user": "standin"}}],
            "current-context": "standin",
        }
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(config, file)
        return path

    def create_claim(
        self,
        name: str,
        namespace: str = "default",
        requests: Sequence[str] = ("nic",),
        config: Sequence[Object] = (),
        device_class: str = "dra.net",
        uid: str = "",
    ) -> Object:
        """A user creates a claim; ``config`` as in ``spec.devices.config``. The same name again is another claim."""
        exactly = {"deviceClassName": device_class, "allocationMode": "ExactCount", "count": 1}
        wanted = [{"name": request, "exactly": exactly} for request in requests]
        spec = {"devices": {"requests": wanted, **({"config": list(config)} if config else {})}}
        body = {"metadata": {"uid": uid} if uid else {}, "spec": spec}
        self.store.remove(("resourceclaims", namespace, name))
        return self.store.add(("resourceclaims", namespace, name), body)

    def allocate(
        self,
        claim: Object,
        *results: Result,
        driver: str = "dra.net",
        pod: tuple[str, str] = ("pod", "pod-uid"),
        class_config: Sequence[Object] = (),
    ) -> Object:
        """The scheduler allocates devices to the claim and reserves it for a pod (name, UID)."""
        given = [{"source": "FromClass", **entry} for entry in class_config]
        given += [{"source": "FromClaim", **entry} for entry in claim["spec"]["devices"].get("config", ())]
        devices: Object = {"results": [{"request": r, "driver": driver, "pool": p, "device": d} for r, p, d in results]}
        here = {"key": "metadata.name", "operator": "In", "values": [self.node]}
        allocation: Object = {"devices": devices, "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [here]}]}}
        if given:
            devices["config"] = given
        consumer = {"resource": "pods", "name": pod[0], "uid": pod[1]}
        return self._put_status(claim, {"allocation": allocation, "reservedFor": [consumer]})

    def deallocate(self, claim: Object) -> Object:
        """The claim is no longer used: its status is emptied."""
        self.routes.claims.forget(claim["metadata"]["uid"])
        return self._put_status(claim, {})

    def delete_claim(self, namespace: str, name: str) -> None:
        """Somebody deletes the claim."""
        self.store.remove(("resourceclaims", namespace, name))

    def claim(self, namespace: str, name: str) -> Object:
        """The claim as stored; ``LookupError`` when there is none."""
        found = self.store.get(("resourceclaims", namespace, name))
        if found is None:
            raise LookupError(f"no claim {namespace}/{name}")
        return found

    def device_status(self, namespace: str, name: str) -> list[Object]:
        """The claim's ``status.devices``."""
        return list(self.claim(namespace, name).get("status", {}).get("devices", []))

    def slices(self, driver: str = "dra.net") -> list[Object]:
        """The driver's ResourceSlices of this node."""
        found = self.store.all("resourceslices")
        return [
            body for body in found if (body["spec"].get("driver"), body["spec"].get("nodeName")) == (driver, self.node)
        ]

    def delete_slices(self, driver: str = "dra.net") -> None:
        """What a kubelet does when it starts, and half a minute after a driver went away."""
        for body in self.slices(driver):
            self.store.remove(("resourceslices", "", body["metadata"]["name"]))

    def events(self) -> list[Object]:
        """All Events."""
        return self.store.all("events")

    def wait_for(self, true: Callable[[], Any], timeout: float = 10.0) -> bool:
        """Wait until something is true of the objects here."""
        return self.store.wait_for(true, timeout)

    def fail(self, status: int, reason: str = "", message: str = "made to fail", times: int = 1) -> None:
        """Answer the next requests so."""
        self._failures += [ApiError(status, reason, message)] * times

    def answer(self, request: Request) -> tuple[int, Object]:
        """Status and body of a request that is no watch."""
        self.requests.append(request)
        try:
            if self._failures:
                raise self._failures.pop(0)
            return self.routes.answer(request)
        except ApiError as error:
            return error.status, error.body

    def _put_status(self, claim: Object, status: Object) -> Object:
        metadata = claim["metadata"]
        key = ("resourceclaims", metadata["namespace"], metadata["name"])
        return self.store.replace(key, {**self.claim(key[1], key[2]), "status": status})


class _Server(ThreadingHTTPServer):
    """Remembers its connections, so that stopping breaks them."""

    daemon_threads = True
    api: StandinApiServer

    def __init__(self, *arguments: Any) -> None:
        self.connections: set[Any] = set()
        super().__init__(*arguments)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Stop accepting and break what is open."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            super().shutdown_request(connection)
