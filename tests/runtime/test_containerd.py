"""The real containerd works here at all, without anything of ours connected: what the other runtime tests stand on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.containerd import Containerd
from tests.runtime.cri import Pod, Refused, Runtime

pytestmark = pytest.mark.runtime
PodMaker = Callable[..., Pod]


def test_it_is_containerd_of_version_2_1_or_newer_and_ready(runtime: Runtime) -> None:
    name, version = runtime.version()
    major, minor = (int(part) for part in version.split(".")[:2])
    assert name == "containerd"
    assert (major, minor) >= (2, 1)
    assert runtime.conditions() == {"RuntimeReady": True, "NetworkReady": True} | runtime.conditions()


def test_a_pod_runs_answers_and_ends(runtime: Runtime, new_pod: PodMaker) -> None:
    pod = new_pod()
    sandbox = runtime.run(pod)
    container = runtime.create(sandbox, pod)
    runtime.start(container)
    netns = Path(runtime.netns(sandbox))
    assert "eth0" in runtime.output(container, "ip", "-o", "link")
    assert os.stat(netns).st_ino != os.stat("/proc/self/ns/net").st_ino
    runtime.stop(sandbox)
    runtime.remove(sandbox)
    assert sandbox not in runtime.sandboxes()
    assert not netns.exists()


def test_a_host_network_pod_has_no_namespace_of_its_own(runtime: Runtime, new_pod: PodMaker) -> None:
    assert runtime.netns(runtime.run(new_pod(host_network=True))) == ""


def test_a_container_whose_cdi_device_is_unknown_is_refused(runtime: Runtime, new_pod: PodMaker) -> None:
    pod = new_pod()
    sandbox = runtime.run(pod)
    with pytest.raises(Refused, match=r"unresolvable CDI devices dra\.net/attached=none"):
        runtime.create(sandbox, pod, cdi=("dra.net/attached=none",))


def test_pods_live_on_while_containerd_is_killed_and_started_again(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    pod = new_pod()
    sandbox = runtime.run(pod)
    container = runtime.create(sandbox, pod)
    runtime.start(container)
    runtime_host.kill()
    runtime_host.start()
    assert runtime.sandboxes() == {sandbox: True}
    assert runtime.output(container, "cat", "/proc/1/cmdline").startswith("/bin/busybox")
