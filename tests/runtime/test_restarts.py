"""Whatever dies, a container runs with its interface or does not run, and the reason can be seen."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.standin import network
from tests.runtime.containerd import Containerd
from tests.runtime.cri import Pod, Refused, Runtime
from tests.runtime.node import PROCESSES, Node, eventually, interfaces
from tests.runtime.test_pods import PARAMETERS

pytestmark = pytest.mark.runtime
PodMaker = Callable[..., Pod]


def attempt(runtime: Runtime, sandbox: str, pod: Pod, gate: tuple[str, ...]) -> tuple[str, str]:
    """One attempt of the kubelet to create the container: its id, or why not."""
    try:
        return runtime.create(sandbox, pod, cdi=gate), ""
    except Refused as refused:
        return "", str(refused)


def persist(runtime: Runtime, sandbox: str, pod: Pod, gate: tuple[str, ...]) -> str:
    """The kubelet tries until it succeeds."""
    return eventually("a container", lambda: attempt(runtime, sandbox, pod, gate)[0])


def has_interface(runtime: Runtime, container: str) -> bool:
    """Whether the container, started now, finds its interface configured."""
    runtime.start(container)
    return "10.77.0.2/24" in runtime.output(container, "ip", "-o", "addr")


@pytest.mark.parametrize("victim", PROCESSES)
def test_a_process_killed_before_the_sandbox_starts(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str, victim: str
) -> None:
    before, pod = interfaces(), new_pod()
    claim = node.claim(pod, nic, PARAMETERS)
    gate = node.prepare(claim)
    node.kill(victim)
    sandbox = runtime.run(pod)
    container, reason = attempt(runtime, sandbox, pod, gate)
    if not container:
        assert claim.uid in reason or "not attached" in reason
        node.start(victim)
        container = persist(runtime, sandbox, pod, gate)
    else:
        node.start(victim)
    assert has_interface(runtime, container)
    runtime.stop(sandbox)
    node.unprepare(claim)
    eventually("the host as it was", lambda: interfaces() == before)


@pytest.mark.parametrize("victim", PROCESSES)
def test_a_process_killed_and_started_again_before_the_sandbox_starts(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str, victim: str
) -> None:
    pod = new_pod()
    claim = node.claim(pod, nic, PARAMETERS)
    gate = node.prepare(claim)
    node.kill(victim)
    node.start(victim)
    sandbox = runtime.run(pod)
    assert has_interface(runtime, persist(runtime, sandbox, pod, gate))


def test_no_container_starts_while_the_nri_frontend_is_dead(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str
) -> None:
    pod = new_pod()
    gate = node.prepare(node.claim(pod, nic, PARAMETERS))
    node.kill("nri")
    sandbox = runtime.run(pod)
    for _ in range(2):
        assert "unresolvable CDI devices" in attempt(runtime, sandbox, pod, gate)[1]
    node.start("nri")
    assert has_interface(runtime, persist(runtime, sandbox, pod, gate))


def test_pods_keep_their_interfaces_over_a_restart_of_everything(
    node: Node, runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker, nic: str
) -> None:
    before, pod = interfaces(), new_pod()
    claim = node.claim(pod, nic, PARAMETERS)
    gate = node.prepare(claim)
    sandbox = runtime.run(pod)
    container = runtime.create(sandbox, pod, cdi=gate)
    runtime.start(container)
    for name in PROCESSES:
        node.kill(name)
    runtime_host.kill()
    runtime_host.start()
    for name in PROCESSES:
        node.start(name)
    assert node.held() == ("net1",)
    assert "10.77.0.2/24" in runtime.output(container, "ip", "-o", "addr")
    runtime.stop(sandbox)
    node.unprepare(claim)
    eventually("the host as it was", lambda: interfaces() == before)


def test_pods_are_served_again_after_the_runtime_was_killed(
    node: Node, runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker, nic: str
) -> None:
    runtime_host.kill()
    runtime_host.start()
    pod = new_pod()
    gate = node.prepare(node.claim(pod, nic, PARAMETERS))
    sandbox = runtime.run(pod)
    assert has_interface(runtime, persist(runtime, sandbox, pod, gate))


def test_unprepare_brings_back_what_a_stop_that_nobody_told_of_left(
    node: Node, runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker, nic: str
) -> None:
    """A containerd that was restarted says nothing of the end of pods from before."""
    before, pod = interfaces(), new_pod()
    claim = node.claim(pod, nic, PARAMETERS)
    gate = node.prepare(claim)
    sandbox = runtime.run(pod)
    runtime.start(runtime.create(sandbox, pod, cdi=gate))
    node.kill("nri")
    runtime_host.kill()
    runtime_host.start()
    runtime.stop(sandbox)
    runtime.remove(sandbox)
    node.unprepare(claim)
    assert interfaces() == before


def test_garbage_on_every_socket_changes_nothing(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str, workplace: Path
) -> None:
    for path in sorted(workplace.rglob("*")):
        if stat.S_ISSOCK(path.stat().st_mode):
            _spoil(path)
    pod = new_pod()
    gate = node.prepare(node.claim(pod, nic, PARAMETERS))
    sandbox = runtime.run(pod)
    container, reason = attempt(runtime, sandbox, pod, gate)
    assert reason == ""
    assert has_interface(runtime, container)


def _spoil(path: Path) -> None:
    for garbage in (b"\0" * 70000, b"\xff" * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 999):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(5)
            stranger.connect(str(path))
            try:
                stranger.sendall(garbage)
            except OSError:
                continue  # hung up on: as good an answer as any


def test_a_host_network_pod_with_a_claim_is_refused_with_the_reason(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str
) -> None:
    before, pod = network.describe(), new_pod(host_network=True)
    gate = node.prepare(node.claim(pod, nic, PARAMETERS))
    sandbox = runtime.run(pod)
    container, reason = attempt(runtime, sandbox, pod, gate)
    assert not container
    assert gate[0] in reason
    assert network.describe() == before
