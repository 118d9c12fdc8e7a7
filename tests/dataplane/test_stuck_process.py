"""The real process with a driver that does not come back for one of its devices: everybody else is served, and it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ports.dataplane import Sandbox
from ports.errors import Failure
from tests.dataplane.process import POD, Node, private_node, stop
from tests.support.eventually import eventually
from tests.support.plans import claim_ref, plan, pod_ref

pytestmark = pytest.mark.netns
OTHER = pod_ref("other")
STUCK = """
import os, time
from adapters.netlink import socket
change = socket.NetlinkSocket.change
def hangs(self, request, subject):
    if subject.startswith("MTU 1234"):
        time.sleep(1000)
    change(self, request, subject)
socket.NetlinkSocket.change = hangs
"""


@pytest.fixture
def node() -> Iterator[Node]:
    """A private node without a process."""
    with private_node() as made:
        yield made


def test_a_device_that_hangs_delays_no_other_pod_and_not_the_end(node: Node) -> None:
    process = node.start(before=STUCK)
    try:
        first, second = node.devices
        node.preparing.prepare(plan(first, claim=claim_ref("stuck"), pod=POD, mtu=1234), node.call())
        node.preparing.prepare(plan(second, claim=claim_ref("other"), pod=OTHER), node.call())
        with ThreadPoolExecutor(1) as threads:
            stuck = threads.submit(node.attaching.attach, node.sandbox(), node.call(60))
            eventually(lambda: node.in_pod() != set(), 30)
            box = Sandbox(id="other", pod_uid=OTHER.uid, netns=node.other_netns)
            for _ in range(3):
                assert len(node.attaching.attach(box, node.call()).devices) == 1
                assert node.attaching.detach(box, node.call()).lost == ()
            assert not stuck.done()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) in (0, -signal.SIGALRM)
            with pytest.raises(Failure):
                stuck.result()
    finally:
        stop(process)
