"""Our client of the API server: versions, refusals, outages, and the two ways to write a status."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes.config import incluster_config

from adapters.kube import connection
from adapters.kube.cluster import KubeCluster
from adapters.kube.versions import choose, claim_from, slice_from, slice_to
from adapters.kube.watching import change, objects
from adapters.standin.apiserver import StandinApiServer
from ports.cluster import Notice
from ports.errors import Code, Failure
from ports.plan import ClaimRef
from tests.contracts.cluster.contract import DRIVER, NODE, entry, slice_body

CONFIG = '{"requests":["nic"],"opaque":{"driver":"dra.net","parameters":%s}}'


@pytest.fixture
def server() -> Iterator[StandinApiServer]:
    server = StandinApiServer(NODE)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cluster(server: StandinApiServer, tmp_path: Path) -> Iterator[KubeCluster]:
    cluster = KubeCluster(server.kubeconfig(str(tmp_path / "kubeconfig")), NODE, DRIVER)
    yield cluster
    cluster.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.INVALID),
        (401, Code.REFUSED),
        (403, Code.REFUSED),
        (404, Code.NOT_FOUND),
        (409, Code.CONFLICT),
        (413, Code.INVALID),
        (415, Code.INVALID),
        (422, Code.INVALID),
        (429, Code.UNAVAILABLE),
        (500, Code.UNAVAILABLE),
        (503, Code.UNAVAILABLE),
        (504, Code.UNAVAILABLE),
    ],
)
def test_each_status_is_a_code_with_the_servers_words(
    server: StandinApiServer, cluster: KubeCluster, status: int, code: Code
) -> None:
    cluster.slices()
    server.fail(status, "Reason", "the very words of the server")
    with pytest.raises(Failure, match="claim default/one: the very words of the server") as caught:
        cluster.claim("default", "one")
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("status", "text", "code", "hint"),
    [
        (
            422,
            'status.devices: Forbidden: changing status.devices requires resource="..."',
            Code.REFUSED,
            "associated-node:patch",
        ),
        (500, "failed to create typed patch object (a/b; ...): field not declared in schema", Code.INVALID, ""),
        (422, 'metadata.uid: Invalid value: "1": field is immutable', Code.CONFLICT, "replaced"),
    ],
)
def test_refusals_of_an_apply_whose_status_misleads_are_told_apart(
    server: StandinApiServer, cluster: KubeCluster, status: int, text: str, code: Code, hint: str
) -> None:
    cluster.slices()
    server.fail(status, "", text)
    with pytest.raises(Failure) as caught:
        cluster.apply_device_status(ClaimRef(namespace="default", name="one", uid="u"), (), DRIVER)
    assert caught.value.code is code
    assert hint in caught.value.hint


def test_a_server_that_is_away_is_unavailable_and_found_again(server: StandinApiServer, cluster: KubeCluster) -> None:
    server.stop()
    with pytest.raises(Failure, match="is the API server reachable") as caught:
        cluster.slices()
    assert caught.value.code is Code.UNAVAILABLE
    server.start()
    assert cluster.slices().bodies == ()


def test_a_connection_broken_by_a_restart_of_the_server_does_not_fail_the_next_read(
    server: StandinApiServer, cluster: KubeCluster
) -> None:
    for _ in range(5):
        assert cluster.slices().bodies == ()
        server.stop()
        server.start()


def test_a_server_that_says_nothing_runs_into_our_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = _cluster_at(tmp_path, silent.getsockname()[1])
        with pytest.raises(Failure, match="in time") as caught:
            cluster.slices()
    assert caught.value.code is Code.DEADLINE


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_peer_that_is_no_api_server_is_unavailable(tmp_path: Path, garbage: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer_with, args=(listener, garbage), daemon=True)
        thread.start()
        cluster = _cluster_at(tmp_path, listener.getsockname()[1])
        with pytest.raises(Failure) as caught:
            cluster.slices()
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("served", "chosen"),
    [(["v1", "v1beta2", "v1beta1", "v1alpha3"], "v1"), (["v1beta1", "v1beta2"], "v1beta2"), (["v1beta1"], "v1beta1")],
)
def test_the_best_version_both_know_is_used(served: list[str], chosen: str) -> None:
    assert choose({"versions": [{"version": version} for version in served]}) == chosen


@pytest.mark.parametrize("versions", [(), ("v1alpha3",)])
def test_a_server_without_the_api_is_unavailable_and_named(tmp_path: Path, versions: tuple[str, ...]) -> None:
    server = StandinApiServer(NODE, versions=versions)
    server.start()
    try:
        cluster = KubeCluster(server.kubeconfig(str(tmp_path / "kubeconfig")), NODE, DRIVER)
        with pytest.raises(Failure, match=r"the API server serves .*enable resource\.k8s\.io/v1") as caught:
            cluster.slices()
    finally:
        server.stop()
    assert caught.value.code is Code.UNAVAILABLE


def test_a_version_that_the_server_no_longer_serves_is_looked_up_again(
    server: StandinApiServer, cluster: KubeCluster
) -> None:
    cluster.create_slice(slice_body())
    server.routes._versions = ("v1beta1",)
    with pytest.raises(Failure):
        cluster.slices()
    assert len(cluster.slices().bodies) == 1


def test_v1beta1_nests_devices_and_flattens_requests() -> None:
    body = slice_body()
    sent = slice_to("v1beta1", body)
    assert sent["spec"]["devices"] == [
        {"name": "eth1", "basic": {"attributes": {"dra.net/ifName": {"string": "eth1"}}}}
    ]
    assert slice_from(sent, "v1beta1")["spec"] == body["spec"]
    flat = {"name": "nic", "deviceClassName": "dra.net", "allocationMode": "All"}
    choice = {"name": "any", "firstAvailable": [{"name": "fast", "deviceClassName": "a"}]}
    claim = claim_from({"metadata": {}, "spec": {"devices": {"requests": [flat, choice]}}}, "v1beta1")
    exactly = {"name": "nic", "exactly": {"deviceClassName": "dra.net", "allocationMode": "All"}}
    assert claim["spec"]["devices"]["requests"] == [exactly, choice]


def test_parameters_with_unsorted_keys_make_the_status_a_merge_patch(
    server: StandinApiServer, cluster: KubeCluster
) -> None:
    claim = _posted_claim(server, '{"b":1,"a":{"z":1,"y":2}}')
    server.allocate(server.claim("default", "raw"), ("nic", NODE, "eth1"), ("nic", NODE, "eth2"))
    cluster.apply_device_status(claim, (entry("eth1"), entry("eth2")), DRIVER)
    cluster.apply_device_status(claim, (entry("eth2"),), DRIVER)
    assert [found["device"] for found in server.device_status("default", "raw")] == ["eth2"]
    assert [request.content_type for request in server.requests if request.method == "PATCH"] == [
        "application/apply-patch+yaml",
        "application/merge-patch+json",
    ] * 2


def test_the_merge_patch_leaves_other_drivers_entries(server: StandinApiServer, cluster: KubeCluster) -> None:
    claim = _posted_claim(server, '{"b":1,"a":2}')
    server.allocate(server.claim("default", "raw"), ("nic", NODE, "eth1"))
    stored = server.claim("default", "raw")
    stored["status"]["allocation"]["devices"]["results"].append(
        {"request": "x", "driver": "other.example", "pool": NODE, "device": "gpu"}
    )
    stored["status"]["devices"] = [{"driver": "other.example", "pool": NODE, "device": "gpu"}]
    server.store.replace(("resourceclaims", "default", "raw"), stored)
    cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)
    assert [found["device"] for found in server.device_status("default", "raw")] == ["gpu", "eth1"]


def test_the_merge_patch_is_guarded_by_the_uid(server: StandinApiServer, cluster: KubeCluster) -> None:
    old = _posted_claim(server, '{"b":1,"a":2}')
    server.delete_claim("default", "raw")
    _posted_claim(server, '{"b":1,"a":2}')
    with pytest.raises(Failure) as caught:
        cluster._merge_status(old, (), DRIVER)
    assert caught.value.code is Code.CONFLICT


def test_parameters_with_spaces_leave_no_way_and_the_refusal_says_why(
    server: StandinApiServer, cluster: KubeCluster
) -> None:
    claim = _posted_claim(server, '{"b": 1, "a": 2}')
    server.allocate(server.claim("default", "raw"), ("nic", NODE, "eth1"))
    with pytest.raises(Failure, match="field is immutable") as caught:
        cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)
    assert caught.value.code is Code.INVALID


def test_a_merge_patch_that_lost_a_race_is_tried_again(server: StandinApiServer, cluster: KubeCluster) -> None:
    claim = _posted_claim(server, '{"b":1,"a":2}')
    server.allocate(server.claim("default", "raw"), ("nic", NODE, "eth1"))
    cluster.slices()
    answer = server.answer
    raced: list[Any] = []

    def race(request: Any) -> Any:
        if request.content_type.startswith("application/merge-patch") and not raced:
            stored = server.claim("default", "raw")
            stored["status"]["reservedFor"].append({"resource": "pods", "name": "b", "uid": "2"})
            raced.append(server.store.replace(("resourceclaims", "default", "raw"), stored))
        return answer(request)

    server.answer = race  # type: ignore[method-assign]
    cluster.apply_device_status(claim, (entry("eth1"),), DRIVER)
    assert raced
    assert [found["device"] for found in server.device_status("default", "raw")] == ["eth1"]


def test_a_watch_that_the_server_breaks_off_is_a_failure_and_so_is_one_that_cannot_begin(
    server: StandinApiServer, cluster: KubeCluster
) -> None:
    version = cluster.slices().version
    timer = threading.Timer(0.3, server.stop)
    timer.start()
    for _ in range(2):
        with pytest.raises(Failure) as caught:
            list(cluster.changes(version, 30.0))
        assert caught.value.code is Code.UNAVAILABLE
        timer.join()


def test_a_bookmark_moves_the_version_on_and_is_no_change(server: StandinApiServer, cluster: KubeCluster) -> None:
    version = cluster.slices().version
    cluster.create_slice({**slice_body(), "spec": {**slice_body()["spec"], "nodeName": "node2"}})
    marks = list(cluster.changes(version, 1.0))
    assert [mark.body for mark in marks] == [None] * len(marks)
    assert int(marks[-1].version) > int(version)


def test_a_watch_that_says_nothing_for_too_long_ends_so_that_it_can_begin_again(
    server: StandinApiServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kube.cluster.SILENCE", 0.2)
    assert list(cluster.changes(cluster.slices().version, 600.0)) == []


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b'{"type":"NEW","object":{}}', b'{"type":"ADDED","object":1}'])
def test_an_event_that_is_none_ends_the_watch_as_a_failure(line: bytes) -> None:
    (event,) = objects([line[:3], line[3:] + b"\n"])
    with pytest.raises(Failure, match="an event that is none") as caught:
        change(event, "v1")
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(("header", "seconds"), [(7, 7.0), (86400, 300.0), (0, 0.0)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_says_for_how_long_it_wants_to_be_left_alone(
    server: StandinApiServer, cluster: KubeCluster, status: int, header: int, seconds: float
) -> None:
    version = cluster.slices().version
    server.retry_after = header
    server.fail(status, "TooManyRequests", "the server has received too many requests", times=2)
    for call in (lambda: cluster.slices(), lambda: cluster.create_slice(slice_body())):
        with pytest.raises(Failure, match="too many requests") as caught:
            call()
        assert (caught.value.code, caught.value.retry_after) == (Code.UNAVAILABLE, seconds)
    assert len(list(cluster.changes(version, 1.0))) >= 1


def test_credentials_that_were_renewed_in_place_are_found(
    server: StandinApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "kubeconfig")
    cluster = KubeCluster(server.kubeconfig(path), NODE, DRIVER)
    cluster.slices()
    server.token = "another"
    with pytest.raises(Failure, match="not accepted"):
        cluster.slices()  # too soon after the last look
    monkeypatch.setattr(connection, "RENEWAL", 0.0)
    (tmp_path / "kubeconfig").write_text("{half written")
    with pytest.raises(Failure, match="not accepted"):
        cluster.slices()
    server.kubeconfig(path)
    assert cluster.slices().bodies == ()
    cluster.close()


def test_an_event_names_its_object_and_whoever_reports(server: StandinApiServer, cluster: KubeCluster) -> None:
    cluster.notify(
        Notice(
            kind="ResourceClaim", namespace="default", name="one", uid="u1", reason="AttachFailed", message="x" * 3000
        )
    )
    (event,) = server.events()
    assert event["metadata"]["name"].startswith("one.")
    assert event["involvedObject"] == {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "name": "one",
        "namespace": "default",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], len(event["message"])) == ("Warning", "AttachFailed", 1024)
    assert (event["source"], event["reportingComponent"]) == ({"component": DRIVER, "host": NODE}, DRIVER)


def test_an_event_may_hold_what_json_can_and_utf8_cannot(server: StandinApiServer, cluster: KubeCluster) -> None:
    message = "unknown key \ud800 (in a user's parameters)"
    cluster.notify(Notice(kind="Pod", namespace="default", name="p", uid="u", reason="R", message=message))
    (event,) = server.events()
    assert event["message"] == "unknown key ? (in a user's parameters)"


def test_an_event_of_our_node_has_the_nodes_uid(server: StandinApiServer, cluster: KubeCluster) -> None:
    cluster.notify(Notice(kind="Node", namespace="", name=NODE, uid="", reason="DeviceGone", message="x"))
    (event,) = server.events()
    assert event["involvedObject"]["uid"] == cluster.node_uid()


def test_names_cannot_lead_elsewhere(server: StandinApiServer, cluster: KubeCluster) -> None:
    with pytest.raises(Failure):
        cluster.claim("../../x", "y/../../../z?watch=1")
    assert all(".." not in request.query.values() and "watch" not in request.query for request in server.requests)


def test_a_kubeconfig_that_is_missing_or_broken_is_invalid(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{nope: [")
    for path in (str(tmp_path / "absent"), str(broken)):
        with pytest.raises(Failure, match="give --kubeconfig") as caught:
            KubeCluster(path, NODE, DRIVER)
        assert caught.value.code is Code.INVALID


def test_outside_of_a_pod_without_a_kubeconfig_the_hint_names_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Failure, match=r"the pod's service account: .*give --kubeconfig") as caught:
        KubeCluster("", NODE, DRIVER)
    assert caught.value.code is Code.INVALID


def test_a_token_that_is_not_accepted_is_refused(server: StandinApiServer, cluster: KubeCluster) -> None:
    cluster.slices()
    server.token = "another"
    with pytest.raises(Failure, match="token is not accepted") as caught:
        cluster.slices()
    assert caught.value.code is Code.REFUSED


def test_a_service_accounts_token_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    certificate = tmp_path / "ca.crt"
    certificate.write_text("unused")
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    configuration = connection.load_configuration("")
    assert _authorization(configuration) == "bearer old"
    token.write_text("new")
    configuration.refresh_api_key_hook.__closure__[0].cell_contents.token_expires_at -= timedelta(hours=1)
    assert _authorization(configuration) == "bearer new"


def _authorization(configuration: Any) -> str:
    return str(next(iter(configuration.auth_settings().values()))["value"])


def _posted_claim(server: StandinApiServer, parameters: str) -> ClaimRef:
    spec = '{"devices":{"requests":[{"name":"nic","exactly":{"deviceClassName":"dra.net"}}],"config":[%s]}}'
    raw = '{"apiVersion":"resource.k8s.io/v1","kind":"ResourceClaim","metadata":{"name":"raw"},"spec":%s}'
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    url = f"{server.url}/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
    with urllib3.PoolManager(1, retries=False, timeout=20) as http:
        answer = http.request("POST", url, body=raw % (spec % (CONFIG % parameters)), headers=headers)
    made = json.loads(answer.data)
    return ClaimRef(namespace="default", name="raw", uid=made["metadata"]["uid"])


def _cluster_at(tmp_path: Path, port: int) -> KubeCluster:
    server = StandinApiServer(NODE)
    server._port = port
    return KubeCluster(server.kubeconfig(os.fspath(tmp_path / "kubeconfig")), NODE, DRIVER)


def _answer_with(listener: socket.socket, data: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(data)
