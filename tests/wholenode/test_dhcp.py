"""DHCP from end to end on one running node: real processes, real servers on the wire, one pod from its lease to its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ports.devices import Route
from ports.errors import Failure
from ports.options import DEFAULT_DRIVER
from ports.plan import ClaimRef, PodRef
from tests.support.dhcp.running import RunningServer
from tests.support.dhcp.server4 import RELEASE, REQUEST, Server4
from tests.support.dhcp.server6 import RELEASE as RELEASE6
from tests.support.dhcp.server6 import Server6
from tests.support.wholenode import WholeNode
from tests.wholenode.test_node import soon

pytestmark = pytest.mark.netns
POD = PodRef(namespace="team", name="app", uid="pod-uid")
ROUTER = bytes((192, 0, 2, 1))


@pytest.fixture
def node() -> Iterator[WholeNode]:
    with WholeNode() as made:
        yield made


def addresses(node: WholeNode) -> set[str]:
    link = node.pod.find("net1")
    return set() if link is None else {each.prefix for each in node.pod.addresses(link.identity.ifindex)}


def routes(node: WholeNode) -> list[Route]:
    link = node.pod.find("net1")
    assert link is not None
    return [each for each in node.pod.facts(link.identity.ifindex).routes if each.protocol == 16]


def data(node: WholeNode, claim: ClaimRef) -> dict[str, object]:
    (entry,) = node.api.device_status(claim.namespace, claim.name) or ({},)
    return {"ips": entry.get("networkData", {}).get("ips"), "dns": entry.get("data", {}).get("dns")}


def test_a_pod_lives_on_leases_that_are_kept_whatever_restarts_and_given_back_at_its_end(node: WholeNode) -> None:
    card = node.add_card("card0")
    before = node.host.facts(card)
    soon_again = {58: (2).to_bytes(4, "big"), 59: (40).to_bytes(4, "big")}  # T1, T2
    four = Server4(seconds=60, options={3: ROUTER, 6: ROUTER, **soon_again})
    six = Server6(rapid=True, preferred=40, valid=60, solicits=True)
    up = node.up()
    node.ready("card0")
    with RunningServer(node.wire, "card0", four.answer, six.answer):
        claim = node.claim(POD, "card0", interface={"name": "net1", "dhcp": True, "ipv6": {"dhcp": True}})
        (answer,) = node.kubelet.prepare(DEFAULT_DRIVER, (claim,))
        assert answer.error == "", node.log()
        assert node.host.facts(card) == before, "it was set up for the servers only"
        sandbox = node.runtime.run_pod_sandbox(POD, node.pod_path).sandbox
        assert addresses(node) == {"192.0.2.100/24", "2001:db8::100/128"}
        assert [(route.destination, route.gateway) for route in routes(node)] == [("0.0.0.0/0", "192.0.2.1")]
        dns = {"nameservers": ["192.0.2.1"]}
        wanted = {"ips": ["192.0.2.100/24", "2001:db8::100/128"], "dns": dns}
        soon("its status", lambda: data(node, claim) == wanted)
        soon("a renewal", lambda: four.kinds().count(REQUEST) > 1)
        os.kill(node.pids(up)["dra"], signal.SIGKILL)
        heard = four.kinds().count(REQUEST)
        soon("renewals after a restart", lambda: four.kinds().count(REQUEST) > heard + 1)
        assert "192.0.2.100/24" in addresses(node)
        four.leases, four.addresses = {}, ["192.0.2.177"]
        soon("another address in the running pod", lambda: "192.0.2.177/24" in addresses(node))
        assert "192.0.2.100/24" not in addresses(node)
        soon("its status", lambda: "192.0.2.177/24" in (data(node, claim)["ips"] or ()))  # type: ignore[operator]
        node.runtime.stop_pod_sandbox(sandbox)
        node.kubelet.wait_registered(DEFAULT_DRIVER, 30)
        assert node.kubelet.unprepare(DEFAULT_DRIVER, (claim,))[0].error == ""
        soon("both given back", lambda: RELEASE in four.kinds() and RELEASE6 in six.kinds())
        assert (four.leases, six.leases) == ({}, {})
        soon("the card as it was", lambda: node.host.facts(card) == before)
    assert "Traceback" not in node.log()


def test_a_server_that_is_silent_delays_no_other_claim_of_the_same_pod(node: WholeNode) -> None:
    for name in ("card0", "card1"):
        node.add_card(name)
    node.up()
    node.ready("card0", "card1")
    slow = node.claim(POD, "card0", "slow", interface={"name": "net1", "dhcp": True})
    quick = node.claim(POD, "card1", "quick", interface={"name": "net2"})
    with pytest.raises(Failure, match="failed for ResourceClaim slow: device card0: no DHCPv4 server gave an address"):
        node.kubelet.prepare(DEFAULT_DRIVER, (slow, quick), 12.0)
    lines = node.log().splitlines()
    prepared = next(index for index, line in enumerate(lines) if "prepared 1 device(s)" in line)
    failed = next(index for index, line in enumerate(lines) if "prepare failed" in line)
    assert prepared < failed
