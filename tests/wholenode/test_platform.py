"""What others than the host say: a cloud's metadata server, and a site's webhook with profiles."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ports.devices import Address
from ports.options import DEFAULT_DRIVER
from ports.plan import PodRef
from tests.cloud import shapes
from tests.support.eventually import eventually
from tests.support.ipam import Ipam
from tests.support.wholenode import WholeNode

pytestmark = pytest.mark.netns
POD = PodRef(namespace="team", name="app", uid="pod-uid")
PATIENCE = 30.0
LOOPBACK, METADATA = 1, "169.254.169.254"


@pytest.fixture
def node() -> Iterator[WholeNode]:
    with WholeNode() as made:
        yield made


def test_a_metadata_server_that_hangs_delays_nothing_and_what_it_says_comes_later(node: WholeNode) -> None:
    node.add_card("card0")
    node.host.add_address(LOOPBACK, Address(prefix=f"{METADATA}/32"))
    server = shapes.gce()
    server.going.clear()
    with ExitStack() as stack:
        serving = server.serving(METADATA, 80)
        node.in_host(stack.enter_context, serving)
        node.up(cloud_provider_hint="")
        node.ready("card0")
        assert not any(name.startswith("gce.dra.net/") for name in node.devices()["card0"])
        claim = node.claim(POD, "card0")
        assert node.kubelet.prepare(DEFAULT_DRIVER, (claim,))[0].error == ""
        server.going.set()
        eventually(lambda: node.devices()["card0"].get("gce.dra.net/machineType") == "a4-highgpu-8g", PATIENCE)
    assert node.devices()["card0"]["gce.dra.net/block"] == "b1"
    assert node.devices()["card0"]["ifName"] == "card0"


def test_a_webhook_describes_devices_gives_addresses_and_gets_them_back_whoever_dies(node: WholeNode) -> None:
    node.add_card("card0")
    ipam = Ipam({"dra.net/webhook_attr": {"string": "python"}}, {"interface": {"mtu": 1450}})
    with ipam.on_socket(str(node.root / "ipam.sock")) as url:
        up = node.up(cloud_provider_hint="webhook", webhook_url=url)
        node.ready("card0")
        eventually(lambda: node.devices()["card0"].get("webhook_attr") == "python", PATIENCE)
        claim = node.claim(POD, "card0", profile="net", interface={"name": "net1"})
        (answer,) = node.kubelet.prepare(DEFAULT_DRIVER, (claim,))
        assert answer.error == ""
        sandbox = node.runtime.run_pod_sandbox(POD, node.pod_path).sandbox
        link = node.pod.find("net1")
        assert link is not None
        assert link.mtu == 1450
        given = {each.prefix for each in node.pod.addresses(link.identity.ifindex)}
        assert "10.200.200.200/24" in given
        kill(node, up)
        assert node.kubelet.prepare(DEFAULT_DRIVER, (claim,))[0] == answer
        assert [path for path in ipam.paths() if path == "/GetProfileConfig"] == ["/GetProfileConfig"], "asked once"
        ipam.broken = True
        assert node.runtime.stop_pod_sandbox(sandbox) == ""
        assert node.kubelet.unprepare(DEFAULT_DRIVER, (claim,))[0].error == "", "a pod's end waits for no webhook"
        eventually(lambda: "/ReleaseProfileConfig" in ipam.paths(), PATIENCE)
        kill(node, up)
        ipam.broken = False
        eventually(lambda: ipam.leases == {}, PATIENCE)
        assert ipam.released == [(claim.uid, "card0")]
        eventually(lambda: not list((node.root / "kubelet/plugins/dra.net/profiles").glob("*.json")), PATIENCE)


def kill(node: WholeNode, up: subprocess.Popen[bytes]) -> None:
    """End ``dra`` without notice, and wait until its successor is registered."""
    offers = node.log().count("offered to the kubelet")
    os.kill(node.pids(up)["dra"], signal.SIGKILL)
    eventually(lambda: node.log().count("offered to the kubelet") > offers, PATIENCE)
    node.kubelet.wait_registered(DEFAULT_DRIVER, PATIENCE)
