"""The fake holds the contract."""

from __future__ import annotations

import pytest

from ports.cluster import Cluster, Json
from ports.errors import Code, Failure
from ports.plan import ClaimRef
from tests.contracts.cluster.contract import DRIVER, NODE, ClusterContract, Others, slice_body
from tests.contracts.cluster.fake import FakeCluster


class FakeOthers:
    """Everybody else, acting on the fake."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def create_claim(self, name: str) -> ClaimRef:
        made = self._cluster.put_claim({"metadata": {"name": name}, "spec": {}})
        return ClaimRef(namespace="default", name=name, uid=made["metadata"]["uid"])

    def allocate(self, claim: ClaimRef, devices: tuple[str, ...]) -> None:
        results = [{"request": "nic", "driver": DRIVER, "pool": NODE, "device": device} for device in devices]
        metadata = {"name": claim.name, "namespace": claim.namespace, "uid": claim.uid}
        status = {"allocation": {"devices": {"results": results}}}
        self._cluster.put_claim({"metadata": metadata, "spec": {}, "status": status})

    def remove_slice(self, name: str) -> None:
        self._cluster.remove_slice(name)

    def forget_history(self) -> None:
        self._cluster.compact()

    def device_status(self, claim: ClaimRef) -> list[Json]:
        return list(self._cluster.device_status(claim.namespace, claim.name))

    def notices(self) -> list[tuple[str, str]]:
        return [(notice.reason, notice.message) for notice in self._cluster.notices]


class TestFakeCluster(ClusterContract):
    @pytest.fixture
    def cluster(self) -> Cluster:
        return FakeCluster(NODE, DRIVER)

    @pytest.fixture
    def others(self, cluster: FakeCluster) -> Others:
        return FakeOthers(cluster)


def test_the_fake_fails_when_told_and_drops_fields_whose_gate_is_off() -> None:
    cluster = FakeCluster()
    cluster.fail(Failure(Code.UNAVAILABLE, "", "away"))
    with pytest.raises(Failure, match="away"):
        cluster.slices()
    cluster.dropped_device_fields.add("taints")
    body = slice_body()
    body["spec"]["devices"][0]["taints"] = [{"key": "a", "effect": "NoSchedule"}]
    assert "taints" not in cluster.create_slice(body)["spec"]["devices"][0]
