"""A pod of a real containerd gets a real interface through the four real processes, and the host gets it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.runtime.cri import Pod, Runtime
from tests.runtime.node import Node, eventually, interfaces

pytestmark = pytest.mark.runtime
PodMaker = Callable[..., Pod]
PARAMETERS = {
    "interface": {"name": "net1", "addresses": ["10.77.0.2/24"], "mtu": 1400},
    "routes": [{"destination": "10.78.0.0/16", "gateway": "10.77.0.1"}],
}


def test_a_pod_gets_its_interface_and_the_host_gets_it_back(
    node: Node, runtime: Runtime, new_pod: PodMaker, nic: str
) -> None:
    before = interfaces()
    pod = new_pod()
    claim = node.claim(pod, nic, PARAMETERS)
    gate = node.prepare(claim)
    assert interfaces() == before
    sandbox = runtime.run(pod)
    container = runtime.create(sandbox, pod, cdi=gate)
    runtime.start(container)
    shown = runtime.output(container, "ip", "-o", "addr", "show", "dev", "net1")
    assert "10.77.0.2/24" in shown
    assert "mtu 1400" in runtime.output(container, "ip", "-o", "link", "show", "dev", "net1")
    assert "10.78.0.0/16 via 10.77.0.1" in runtime.output(container, "ip", "route")
    assert " 0% packet loss" in runtime.output(container, "ping", "-c", "1", "-W", "5", "10.77.0.1")
    assert "net1" in runtime.output(container, "env")
    status = eventually("status.devices", lambda: node.status(claim))
    assert status["networkData"]["interfaceName"] == "net1"
    assert status["networkData"]["ips"] == ["10.77.0.2/24"]
    assert status["networkData"]["hardwareAddress"] in shown + runtime.output(container, "ip", "-o", "link")
    runtime.stop(sandbox)
    assert interfaces() == before
    node.unprepare(claim)
    runtime.remove(sandbox)
