"""The fake holds ``Cluster`` structurally; the contract suite beside this file holds it behaviourally."""

from __future__ import annotations

from ports.cluster import Cluster
from tests.contracts.cluster.fake import FakeCluster


def test_the_fake_is_a_cluster() -> None:
    cluster: Cluster = FakeCluster()
    assert cluster.node_uid() == cluster.node_uid()
