"""What everyone above relies on of ``ports.cluster.Cluster``, whatever is behind it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from ports.cluster import Cluster, Json, Notice
from ports.errors import Code, Failure
from ports.plan import ClaimRef

DRIVER, NODE = "dra.net", "node1"


class Others(Protocol):
    """Everybody else in the cluster: the user, the scheduler, the kubelet."""

    def create_claim(self, name: str) -> ClaimRef:
        """Create a claim, or replace the one of that name by another one."""
        ...

    def allocate(self, claim: ClaimRef, devices: tuple[str, ...]) -> None:
        """Allocate devices of our driver in the pool ``node1``."""
        ...

    def remove_slice(self, name: str) -> None:
        """Delete a slice behind our back."""
        ...

    def forget_history(self) -> None:
        """The server forgets what happened to slices until now."""
        ...

    def device_status(self, claim: ClaimRef) -> list[Json]:
        """``status.devices`` as stored."""
        ...

    def notices(self) -> list[tuple[str, str]]:
        """Reason and message of each notice recorded."""
        ...


def slice_body(generation: int = 1, devices: tuple[str, ...] = ("eth1",), **metadata: Any) -> dict[str, Any]:
    """A slice of our driver on our node."""
    pool = {"name": NODE, "generation": generation, "resourceSliceCount": 1}
    listed = [{"name": name, "attributes": {"dra.net/ifName": {"string": name}}} for name in devices]
    return {
        "metadata": metadata or {"generateName": "0-dra.net-node1-"},
        "spec": {"driver": DRIVER, "nodeName": NODE, "pool": pool, "devices": listed},
    }


def entry(device: str, **more: Any) -> dict[str, Any]:
    """An entry of ``status.devices``."""
    return {"driver": DRIVER, "pool": NODE, "device": device, **more}


class ClusterContract:
    """Subclass it with fixtures ``cluster`` and ``others``."""

    def test_a_slice_created_is_listed_with_what_the_server_gave_it(self, cluster: Cluster) -> None:
        made = cluster.create_slice(slice_body())
        assert made["metadata"]["name"].startswith("0-dra.net-node1-")
        assert made["metadata"]["uid"]
        (listed,) = cluster.slices().bodies
        assert listed["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        assert listed["spec"] == made["spec"]

    def test_slices_of_others_are_not_listed(self, cluster: Cluster) -> None:
        for part, value in (("driver", "other.example"), ("nodeName", "node2")):
            body = slice_body()
            body["spec"][part] = value
            cluster.create_slice(body)
        assert cluster.slices().bodies == ()

    def test_a_name_that_is_taken_is_a_conflict(self, cluster: Cluster) -> None:
        cluster.create_slice(slice_body(name="mine"))
        assert _code(lambda: cluster.create_slice(slice_body(name="mine"))) is Code.CONFLICT

    def test_an_update_replaces_and_returns_the_new_version(self, cluster: Cluster) -> None:
        made = cluster.create_slice(slice_body())
        changed = {**made, "spec": slice_body(2, ("eth1", "eth2"))["spec"]}
        updated = cluster.update_slice(changed)
        assert updated["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
        (listed,) = cluster.slices().bodies
        assert [device["name"] for device in listed["spec"]["devices"]] == ["eth1", "eth2"]

    def test_an_update_from_an_old_version_is_a_conflict(self, cluster: Cluster) -> None:
        made = cluster.create_slice(slice_body())
        cluster.update_slice({**made, "spec": slice_body(2)["spec"]})
        assert _code(lambda: cluster.update_slice({**made, "spec": slice_body(3)["spec"]})) is Code.CONFLICT

    def test_an_update_of_a_slice_that_is_gone_is_not_found(self, cluster: Cluster, others: Others) -> None:
        made = cluster.create_slice(slice_body())
        others.remove_slice(made["metadata"]["name"])
        assert _code(lambda: cluster.update_slice(made)) is Code.NOT_FOUND

    def test_a_delete_of_a_slice_that_is_gone_is_a_success(self, cluster: Cluster) -> None:
        made = cluster.create_slice(slice_body())
        for _ in range(2):
            cluster.delete_slice(made["metadata"]["name"])
        assert cluster.slices().bodies == ()

    def test_a_slice_that_would_be_accepted_is_not_stored_by_a_try(self, cluster: Cluster) -> None:
        cluster.try_slice(slice_body())
        cluster.try_slice(slice_body())
        assert cluster.slices().bodies == ()

    def test_what_happens_after_a_list_is_seen_as_it_was_stored(self, cluster: Cluster, others: Others) -> None:
        made = cluster.create_slice(slice_body())
        version = cluster.slices().version
        updated = cluster.update_slice({**made, "spec": slice_body(2)["spec"]})
        others.remove_slice(made["metadata"]["name"])
        first, second = itertools.islice(cluster.changes(version, 10.0), 2)
        assert (first.body, first.gone) == (updated, False)
        assert first.version == updated["metadata"]["resourceVersion"]
        assert second.gone
        assert second.body is not None
        assert second.body["metadata"]["name"] == made["metadata"]["name"]

    def test_a_watch_goes_on_from_the_version_of_what_it_saw(self, cluster: Cluster) -> None:
        version = cluster.slices().version
        for name in ("a", "b", "c"):
            cluster.create_slice(slice_body(name=name))
        seen = []
        for _ in range(3):
            change = next(iter(cluster.changes(version, 10.0)))
            assert change.body is not None
            seen.append(change.body["metadata"]["name"])
            version = change.version
        assert seen == ["a", "b", "c"]

    def test_a_change_while_waiting_is_seen(self, cluster: Cluster, others: Others) -> None:
        made = cluster.create_slice(slice_body())
        version = cluster.slices().version
        timer = threading.Timer(0.3, others.remove_slice, (made["metadata"]["name"],))
        timer.start()
        try:
            assert next(change for change in cluster.changes(version, 30.0) if change.body).gone
        finally:
            timer.join()

    def test_slices_of_others_are_not_watched(self, cluster: Cluster) -> None:
        version = cluster.slices().version
        cluster.create_slice({**slice_body(), "spec": {**slice_body()["spec"], "nodeName": "node2"}})
        assert [change for change in cluster.changes(version, 0.1) if change.body] == []

    def test_a_version_that_is_too_old_is_a_conflict(self, cluster: Cluster, others: Others) -> None:
        version = cluster.slices().version
        others.forget_history()
        assert _code(lambda: list(cluster.changes(version, 5.0))) is Code.CONFLICT

    def test_without_changes_the_wait_ends(self, cluster: Cluster) -> None:
        assert [change for change in cluster.changes(cluster.slices().version, 0.1) if change.body] == []

    def test_a_claim_is_read_as_it_is_now(self, cluster: Cluster, others: Others) -> None:
        claim = others.create_claim("one")
        assert cluster.claim("default", "one")["metadata"]["uid"] == claim.uid
        others.allocate(claim, ("eth1",))
        results = cluster.claim("default", "one")["status"]["allocation"]["devices"]["results"]
        assert [(result["driver"], result["pool"], result["device"]) for result in results] == [(DRIVER, NODE, "eth1")]

    def test_an_absent_claim_is_not_found(self, cluster: Cluster) -> None:
        assert _code(lambda: cluster.claim("default", "nope")) is Code.NOT_FOUND

    def test_the_status_of_a_device_is_written_and_replaced(self, cluster: Cluster, others: Others) -> None:
        claim = others.create_claim("one")
        others.allocate(claim, ("eth1", "eth2"))
        network = {"interfaceName": "eth1", "ips": ["10.0.0.5/24"], "hardwareAddress": "02:00:00:00:00:01"}
        cluster.apply_device_status(claim, (entry("eth1"), entry("eth2")), DRIVER)
        cluster.apply_device_status(claim, (entry("eth1", networkData=network),), DRIVER)
        assert others.device_status(claim) == [entry("eth1", networkData=network)]
        cluster.apply_device_status(claim, (), DRIVER)
        assert others.device_status(claim) == []

    def test_the_same_status_may_be_written_again(self, cluster: Cluster, others: Others) -> None:
        claim = others.create_claim("one")
        others.allocate(claim, ("eth1",))
        for _ in range(3):
            cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)
        assert others.device_status(claim) == [entry("eth1")]

    def test_the_status_of_another_manager_is_left_alone(self, cluster: Cluster, others: Others) -> None:
        claim = others.create_claim("one")
        others.allocate(claim, ("eth1", "eth2"))
        cluster.apply_device_status(claim, (entry("eth2"),), "other")
        cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)
        cluster.apply_device_status(claim, (), DRIVER)
        assert others.device_status(claim) == [entry("eth2")]

    def test_the_status_of_a_replaced_claim_is_a_conflict(self, cluster: Cluster, others: Others) -> None:
        old, new = others.create_claim("one"), others.create_claim("one")
        others.allocate(new, ("eth1",))
        assert _code(lambda: cluster.apply_device_status(old, (entry("eth1"),), DRIVER)) is Code.CONFLICT
        assert others.device_status(new) == []

    def test_the_status_of_a_device_that_is_not_allocated_is_invalid(self, cluster: Cluster, others: Others) -> None:
        claim = others.create_claim("one")
        assert _code(lambda: cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)) is Code.INVALID

    def test_the_status_of_an_absent_claim_is_not_found(self, cluster: Cluster) -> None:
        absent = ClaimRef(namespace="default", name="nope", uid="uid-1")
        assert _code(lambda: cluster.apply_device_status(absent, (), DRIVER)) is Code.NOT_FOUND

    def test_the_node_has_a_uid(self, cluster: Cluster) -> None:
        assert cluster.node_uid()
        assert cluster.node_uid() == cluster.node_uid()

    def test_notices_are_recorded_one_by_one(self, cluster: Cluster, others: Others) -> None:
        for text in ("first", "second"):
            cluster.notify(_notice("ResourceClaim", "default", text))
        cluster.notify(_notice("Node", "", "third"))
        assert sorted(others.notices()) == [("Attached", "first"), ("Attached", "second"), ("Attached", "third")]


def _notice(kind: str, namespace: str, message: str) -> Notice:
    return Notice(
        kind=kind, namespace=namespace, name="one", uid="uid-1", reason="Attached", message=message, warning=False
    )


def _code(call: Callable[[], object]) -> Code:
    with pytest.raises(Failure) as caught:
        call()
    return caught.value.code
