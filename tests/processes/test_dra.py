"""``knd dra`` as a process: what the kubelet and the API server see of it, and what it survives."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.processes.dra import DRIVER, POD, Node, aside, ended, eventually

CONFIG = ({"opaque": {"driver": DRIVER, "parameters": {"interface": {"name": "net1"}}}},)


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    try:
        yield made
    finally:
        made.close()


def test_a_claim_comes_and_goes(node: Node) -> None:
    node.start_peers()
    node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    eventually(lambda: node.published() == ["ens1", "ens2"])
    eventually(lambda: node.ready()[0] == 200)
    claim = node.claim("ens1", config=CONFIG)
    answer = node.prepare(claim)
    (device,) = answer.devices
    assert (device.request, device.device, device.cdi_device_ids) == ("r0", "ens1", (f"dra.net/attached={claim.uid}",))
    (record,) = node.dataplane.ledger.records()
    assert record.pod == POD
    assert record.plans[0].devices[0].pod_name == "net1"
    node.report(claim)
    eventually(lambda: node.api.device_status("default", "net"))
    (entry,) = node.api.device_status("default", "net")
    assert entry["networkData"] == {
        "interfaceName": "net1",
        "hardwareAddress": "02:00:00:00:00:03",
        "ips": ["192.0.2.3/24"],
    }
    assert entry["conditions"][0]["status"] == "True"
    node.kubelet.unprepare(DRIVER, (claim,))
    assert node.dataplane.ledger.records() == ()


def test_it_starts_while_everybody_is_away_and_recovers_when_they_come(node: Node) -> None:
    node.api.stop()
    node.spawn()
    eventually(lambda: node.ready()[0] == 503)
    status = node.ready()[1]
    for part in ("kubelet: not offered", "runtime: ", "dataplane: ", "inventory: no inventory", "slices: no slice"):
        assert part in status
    node.kubelet.start()
    node.start_watcher("ens1")
    node.start_dataplane()
    assert node.kubelet.plugin(DRIVER) is None
    node.start_runtime()
    node.kubelet.wait_registered(DRIVER, 30)
    node.api.start()
    eventually(lambda: node.published() == ["ens1"])
    eventually(lambda: node.ready()[0] == 200)
    node.prepare(node.claim("ens1"))


def test_a_change_of_the_host_reaches_the_slice_and_silence_follows(node: Node) -> None:
    node.start_peers()
    node.spawn()
    eventually(lambda: node.published() == ["ens1", "ens2"])
    node.show("ens2")
    eventually(lambda: node.published() == ["ens2"])
    node.show("ens2")
    node.show("ens1", "ens2")
    eventually(lambda: node.published() == ["ens1", "ens2"])
    writes = [request for request in node.api.requests if request.method in ("POST", "PUT", "DELETE")]
    assert len([request for request in writes if "resourceslices" in request.path]) <= 4


def test_slices_that_the_kubelet_deleted_come_back(node: Node) -> None:
    node.start_peers()
    node.spawn()
    eventually(lambda: node.published() == ["ens1", "ens2"])
    node.api.delete_slices()
    eventually(lambda: node.published() == ["ens1", "ens2"])
    node.kubelet.stop()
    node.api.delete_slices()
    node.kubelet.start()
    node.kubelet.wait_registered(DRIVER, 30)
    eventually(lambda: node.published() == ["ens1", "ens2"])


def test_a_kill_between_prepare_and_attach_loses_nothing(node: Node) -> None:
    node.start_peers()
    first = node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    eventually(lambda: node.published() == ["ens1", "ens2"])
    claim = node.claim("ens1")
    answer = node.prepare(claim)
    node.api.stop()
    node.report(claim)
    ended(first, signal.SIGKILL)
    node.show("ens2")  # the device has gone into the pod meanwhile
    node.kubelet.stop()  # the real one's call fails and is repeated; this one would go on asking the dead socket
    node.spawn()
    node.api.start()
    eventually(lambda: node.api.device_status("default", "net"))
    node.kubelet.start()
    node.kubelet.wait_registered(DRIVER, 30)
    assert node.prepare(claim) == answer
    assert node.published() == ["ens1", "ens2"]


def test_a_failed_attach_is_shown_in_the_claim_and_in_an_event(node: Node) -> None:
    node.start_peers()
    node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    claim = node.claim("ens1")
    node.prepare(claim)
    node.report(claim, error="device ens1: the name net1 is taken")
    eventually(lambda: node.api.device_status("default", "net"))
    (entry,) = node.api.device_status("default", "net")
    assert entry["conditions"][0]["reason"] == "AttachFailed"
    eventually(lambda: any("net1 is taken" in str(event) for event in node.api.events()))


def test_sigterm_ends_it_in_time_and_leaves_the_slices(node: Node) -> None:
    node.start_peers()
    process = node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    eventually(lambda: node.published() == ["ens1", "ens2"])
    status, seconds = ended(process)
    assert (status, seconds < 3) == (0, True), node.logged()
    node.kubelet.wait_deregistered(DRIVER)
    assert node.published() == ["ens1", "ens2"]


def test_sigterm_ends_it_in_time_while_a_claim_waits(node: Node) -> None:
    node.start_peers()
    process = node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    node.runtime.connected = False
    claim = node.claim("ens1")
    asked = node.runtime.asked
    waiting = aside(lambda: node.prepare(claim))
    eventually(lambda: node.runtime.asked >= asked + 2)
    status, seconds = ended(process)
    assert (status, seconds < 3) == (0, True), node.logged()
    waiting.join(10)
    assert not waiting.is_alive()
    assert node.dataplane.ledger.records() == ()


def test_a_second_process_on_the_same_sockets_is_refused(node: Node) -> None:
    node.start_peers()
    node.spawn()
    node.kubelet.wait_registered(DRIVER, 30)
    second = node.spawn(bind_address="")
    assert second.wait(30) == 1
    assert "cannot start" in node.logged()
    assert node.kubelet.plugin(DRIVER) is not None


def test_flags_that_do_not_go_together_are_one_line_and_status_two(node: Node) -> None:
    assert node.spawn(profile_provider="webhook").wait(30) == 2
    assert node.logged() == "knd dra: --profile-provider=webhook: needs --webhook-url\n"


def test_a_rolling_update_leaves_no_gap(node: Node) -> None:
    node.start_peers()
    old = node.spawn(pod_uid="old-uid")
    first = node.kubelet.wait_registered(DRIVER, 30)
    node.spawn(pod_uid="new-uid", bind_address="")
    eventually(lambda: node.kubelet.plugin(DRIVER) != first)
    claim = node.claim("ens1")
    assert node.prepare(claim).error == ""
    assert ended(old)[0] == 0
    assert node.prepare(claim).error == ""
    node.report(claim)
    eventually(lambda: node.api.device_status("default", "net"))


@pytest.mark.parametrize("flag", ["--bogus", "--filter=nope(", "--kubeconfig=/none", "--bind-address=nowhere:0"])
def test_a_bad_flag_is_one_line_and_status_two(flag: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "agent.cli", "dra", "--kubelet-root=/nonexistent", flag],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1, process.stderr
