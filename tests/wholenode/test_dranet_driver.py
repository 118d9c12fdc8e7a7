"""What users of DRANET see of the driver itself: its metrics, its stop, what it knows again after a start."""

from __future__ import annotations

import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from ports.options import DEFAULT_DRIVER
from tests.support.eventually import eventually
from tests.wholenode.cases import PATIENCE, Cases

pytestmark = pytest.mark.netns


def kubelets_sockets(node: Cases) -> list[str]:
    """The sockets that the kubelet finds the driver by."""
    return sorted(path.name for path in (node.root / "kubelet").rglob("*.sock"))


def records(node: Cases) -> list[str]:
    """The pods that the ledger has."""
    return [path.stem for path in Path(node.places.ledger).glob("*.json")]


def scraped() -> str:
    with urllib.request.urlopen("http://127.0.0.1:9177/metrics", timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def test_metrics_are_read_from_the_hosts_network(shared: Cases) -> None:
    with shared.cards("counted0"), shared.running({"counted0": None}):
        text = shared.in_host(scraped)
    assert 'knd_nri_requests_total{method="RunPodSandbox",status="success"}' in text
    assert 'knd_nri_request_seconds_count{method="CreateContainer",status="success"}' in text
    assert "\nprocess_start_time_seconds " in text
    assert "\npython_info{" in text
    assert "\nknd_published_devices " in text


def test_a_stop_takes_the_kubelets_sockets_away_and_a_start_brings_them_back(shared: Cases) -> None:
    wanted = ["dra.net-reg.sock", "dra.sock"]
    assert kubelets_sockets(shared) == wanted
    shared.stop()
    try:
        assert kubelets_sockets(shared) == []
        shared.kubelet.wait_deregistered(DEFAULT_DRIVER, PATIENCE)
    finally:
        shared.start()
    assert kubelets_sockets(shared) == wanted


def test_a_pod_that_is_deleted_by_force_while_the_driver_is_away_is_forgotten_afterwards(shared: Cases) -> None:
    with shared.cards("away0"), ExitStack() as stack:
        pod = shared.run_pod(stack, {"away0": None})
        shared.stop()
        try:
            assert records(shared) == [pod.ref.uid]
            shared.runtime.remove_pod_sandbox(pod.sandbox)  # nobody hears of it
            assert pod.namespace.find("away0") is not None
        finally:
            shared.start()
        shared.kubelet.unprepare(DEFAULT_DRIVER, (pod.claim,))
        assert records(shared) == []
        assert shared.host.find("away0") is not None


def test_the_attributes_of_a_device_stay_while_it_is_in_a_pod_and_after_a_start(shared: Cases) -> None:
    with shared.cards("kept0"):
        shared.address("kept0", "169.254.169.13/32")
        name = shared.device("kept0")
        with shared.running({"kept0": {"interface": {"name": "net1", "mtu": 1400}}}):
            held = shared.devices()[name]
            eventually(lambda: "gone kept0" in shared.log(), PATIENCE)
            assert shared.devices()[name] == held
            shared.stop()
            shared.start()
            with shared.cards("later0"):
                assert shared.device("later0"), "written by the process that was started"
                assert shared.devices()[name] == held
