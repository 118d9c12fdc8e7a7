"""The adapter in front of an API server holds the contract, in every version that the server may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kube.cluster import KubeCluster
from adapters.standin.apiserver import StandinApiServer
from ports.cluster import Cluster, Json
from ports.plan import ClaimRef
from tests.contracts.cluster.contract import DRIVER, NODE, ClusterContract, Others


class ServerOthers:
    """Everybody else, acting on the stand-in server."""

    def __init__(self, server: StandinApiServer) -> None:
        self._server = server

    def create_claim(self, name: str) -> ClaimRef:
        made = self._server.create_claim(name)
        return ClaimRef(namespace="default", name=name, uid=made["metadata"]["uid"])

    def allocate(self, claim: ClaimRef, devices: tuple[str, ...]) -> None:
        stored = self._server.claim(claim.namespace, claim.name)
        self._server.allocate(stored, *(("nic", NODE, device) for device in devices))

    def remove_slice(self, name: str) -> None:
        self._server.store.remove(("resourceslices", "", name))

    def forget_history(self) -> None:
        """Something else changes first: a version is too old only when something happened after it."""
        self._server.store.add(("nodes", "", "another"), {"kind": "Node", "apiVersion": "v1"})
        self._server.store.compact()

    def device_status(self, claim: ClaimRef) -> list[Json]:
        """Without the ``conditions: null`` that a server adds to an entry that has none."""
        stored = self._server.device_status(claim.namespace, claim.name)
        return [{name: value for name, value in entry.items() if value is not None} for entry in stored]

    def notices(self) -> list[tuple[str, str]]:
        return [(event["reason"], event["message"]) for event in self._server.events()]


@pytest.fixture(params=["v1", "v1beta2", "v1beta1"])
def server(request: pytest.FixtureRequest) -> Iterator[StandinApiServer]:
    server = StandinApiServer(NODE, versions=(request.param,))
    server.start()
    yield server
    server.stop()


class TestKubeCluster(ClusterContract):
    @pytest.fixture
    def cluster(self, server: StandinApiServer, tmp_path: Path) -> Iterator[Cluster]:
        cluster = KubeCluster(server.kubeconfig(str(tmp_path / "kubeconfig")), NODE, DRIVER)
        yield cluster
        cluster.close()

    @pytest.fixture
    def others(self, server: StandinApiServer) -> Others:
        return ServerOthers(server)
