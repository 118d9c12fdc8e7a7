"""What users of DRANET see of it end to end, claim by claim, must be what they see here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from adapters.ethtool.control import EthtoolOffloads
from adapters.standin import namespaces
from ports.devices import Neighbour, Route, Rule
from tests.support.private_net import add_link, delete_link, set_master
from tests.wholenode.cases import Cases, Pod

pytestmark = pytest.mark.netns
RENAMED = {"interface": {"name": "eth99", "addresses": ["169.254.169.13/24"]}}


@pytest.mark.parametrize("card", ["plain0", "mlx5_6"], ids=["a name", "a name that no label can be"])
def test_renamed_with_an_address_that_the_claims_status_shows(shared: Cases, card: str) -> None:
    with shared.cards(card), shared.running({card: RENAMED}) as pod:
        assert pod.addresses("eth99") == {"169.254.169.13/24"}
        (entry,) = shared.status(pod.claim)
        assert entry["networkData"]["ips"] == ["169.254.169.13/24"]
        assert entry["networkData"]["interfaceName"] == "eth99"


def test_arp_policy_is_that_of_the_renamed_interface(shared: Cases) -> None:
    wanted = {"interface": {"name": "dranet-arp", "arpIgnore": 1, "arpAnnounce": 2}}
    with shared.cards("arp0"), shared.running({"arp0": wanted}) as pod:
        assert pod.sysctl("ipv4/conf/dranet-arp/arp_ignore") == "1"
        assert pod.sysctl("ipv4/conf/dranet-arp/arp_announce") == "2"


def test_without_parameters_the_hosts_address_goes_along_and_the_status_shows_it(shared: Cases) -> None:
    with shared.cards("own0"):
        shared.address("own0", "169.254.169.14/32")
        with shared.running({"own0": None}) as pod:
            assert pod.addresses("own0") == {"169.254.169.14/32"}
            (entry,) = shared.status(pod.claim)
            assert entry["networkData"]["ips"] == ["169.254.169.14/32"]


def test_a_route_may_stand_before_the_one_that_its_gateway_needs(shared: Cases) -> None:
    routes = [
        {"destination": "169.254.169.0/24", "gateway": "169.254.169.1"},
        {"destination": "169.254.169.1/32", "scope": 253},
    ]
    wanted = {"interface": {"name": "net1", "addresses": ["169.254.169.13/32"]}, "routes": routes}
    with shared.cards("order0"), shared.running({"order0": wanted}) as pod:
        shown = pod.ip("route", "show", "dev", "net1")
        assert {(each["dst"], each.get("gateway", "")) for each in shown} == {
            ("169.254.169.0/24", "169.254.169.1"),
            ("169.254.169.1", ""),
        }


def test_name_mtu_mac_and_features_are_seen_in_the_pod(shared: Cases) -> None:
    features = {"tcp-segmentation-offload": False, "generic-receive-offload": False, "large-receive-offload": False}
    interface = {"name": "dranet0", "mtu": 4321, "hardwareAddr": "00:11:22:33:44:55"}
    with (
        shared.cards("tour0"),
        shared.running({"tour0": {"interface": interface, "ethtool": {"features": features}}}) as pod,
    ):
        link = pod.link("dranet0")
        assert (link["mtu"], link["address"]) == (4321, "00:11:22:33:44:55")
        assert {name: on for name, on in offloads(pod, "dranet0").items() if on and name in SEGMENTING} == {}


SEGMENTING = ("tx-tcp-segmentation", "tx-tcp6-segmentation", "rx-gro", "rx-lro")


def offloads(pod: Pod, name: str) -> dict[str, bool]:
    """The features of an interface in the pod."""
    found = EthtoolOffloads().read(pod.namespace, pod.index(name))
    return {feature.name: feature.on for feature in found.features}


def test_big_tcp(shared: Cases) -> None:
    sizes = dict.fromkeys(("gsoMaxSize", "groMaxSize", "gsoIPv4MaxSize", "groIPv4MaxSize"), 65536)
    features = {"tso": True, "gro": True, "lro": False}
    wanted = {"interface": {"name": "dranet1", "mtu": 8896, **sizes}, "ethtool": {"features": features}}
    with shared.cards("big0"), shared.running({"big0": wanted}) as pod:
        link = pod.link("dranet1")
        assert (link["mtu"], link["gso_max_size"], link["gro_max_size"]) == (8896, 65536, 65536)
        tuned = pod.namespace.facts(pod.index("dranet1")).tuning  # not every ip(8) knows these
        assert (tuned.gso_ipv4_max_size, tuned.gro_ipv4_max_size) == (65536, 65536)
        on = offloads(pod, "dranet1")
        assert (on["tx-tcp-segmentation"], on["rx-gro"], on.get("rx-lro", False)) == (True, True, False)


def test_two_devices_of_one_claim_with_their_addresses(shared: Cases) -> None:
    with shared.cards("pair0", "pair1"):
        shared.address("pair0", "169.254.169.13/32")
        shared.address("pair1", "169.254.169.14/32")
        with shared.running({"pair0": None, "pair1": None}) as pod:
            assert pod.addresses("pair0") == {"169.254.169.13/32"}
            assert pod.addresses("pair1") == {"169.254.169.14/32"}
            shown = [entry["networkData"]["ips"] for entry in shared.status(pod.claim, 2)]
            assert sorted(shown) == [["169.254.169.13/32"], ["169.254.169.14/32"]]


def test_a_pod_that_is_applied_again_gets_the_interface_again(shared: Cases) -> None:
    with shared.cards("again0"):
        shared.address("again0", "169.254.169.13/32")
        for _ in range(2):
            with shared.running({"again0": None}) as pod:
                assert pod.addresses("again0") == {"169.254.169.13/32"}
            assert shared.host.find("again0") is not None


def test_permanent_neighbours_of_both_families_go_along(shared: Cases) -> None:
    neighbours = {("192.0.2.9", "00:11:22:33:44:55"), ("2001:db8::9", "00:11:22:33:44:66")}
    with shared.cards("near0"):
        shared.address("near0", "192.0.2.1/24", "2001:db8::1/64")
        for address, mac in neighbours:
            shared.host.add_neighbour(shared.index("near0"), Neighbour(address=address, mac=mac))
        with shared.running({"near0": None}) as pod:
            shown = pod.ip("neighbour", "show", "dev", "near0", "nud", "permanent")
            assert {(each["dst"], each["lladdr"]) for each in shown} == neighbours


def test_routes_of_a_table_and_the_rule_that_looks_it_up_go_along(shared: Cases) -> None:
    with shared.cards("table0"):
        shared.address("table0", "10.20.30.1/24")
        route = Route(destination="10.20.40.0/24", gateway="10.20.30.254", table=100, protocol=3)
        shared.host.add_route(shared.index("table0"), route)
        rule = Rule(family=4, priority=500, source="10.20.30.0/24", table=100, protocol=4)
        shared.host.add_rule(rule)
        with shared.running({"table0": None}) as pod:
            (seen,) = pod.ip("route", "show", "table", "100")
            assert (seen["dst"], seen["gateway"], seen["dev"]) == ("10.20.40.0/24", "10.20.30.254", "table0")
            found = [each for each in pod.ip("rule", "show") if each["priority"] == 500]
            assert [(each["src"], each["srclen"], each["table"]) for each in found] == [("10.20.30.0", 24, "100")]
        assert rule in shared.host.rules()
        shared.host.remove_rule(rule)


def test_an_ipv6_subnet_has_one_route_which_is_the_kernels(shared: Cases) -> None:
    with shared.cards("six0"):
        shared.address("six0", "2001:db8:1::5/96")
        with shared.running({"six0": None}) as pod:
            shown = [each for each in pod.ip("-6", "route", "show", "dev", "six0") if each["dst"] == "2001:db8:1::/96"]
            assert [each["metric"] for each in shown] == [256]


def through(number: int) -> dict[str, object]:
    """One end of a path that a rule and a table of its own lead through the router."""
    subnet = f"192.168.{number}"
    return {
        "interface": {"name": "eth1", "addresses": [f"{subnet}.10/24"]},
        "rules": [{"priority": 100, "source": f"{subnet}.0/24", "table": 100}],
        "routes": [{"destination": "0.0.0.0/0", "gateway": f"{subnet}.1", "table": 100}],
    }


def test_two_pods_reach_each_other_through_a_third_that_forwards(shared: Cases) -> None:
    near, far = (
        {"interface": {"name": f"eth{at}", "addresses": [f"192.168.{number}.1/24"], "forwarding": True}}
        for at, number in ((1, 100), (2, 200))
    )
    with (
        shared.cards("left0", "left1", "right0", "right1"),
        cabled(shared, "left0", "left1"),
        cabled(shared, "right0", "right1"),
        shared.running({"left0": through(100)}) as one,
        shared.running({"right0": through(200)}) as two,
        shared.running({"left1": near, "right1": far}) as router,
    ):
        assert router.sysctl("ipv4/conf/eth1/forwarding") == "1"
        assert asked(one, two) == b"pong"


@contextmanager
def cabled(node: Cases, *cards: str) -> Iterator[None]:
    """These cards of the host on one wire."""
    bridge = add_link(node.wire, f"br-{cards[0]}", "bridge")
    node.wire.set_up(bridge, True)
    for card in cards:
        other = node.wire.find(card)
        assert other is not None
        set_master(node.wire, other.identity.ifindex, bridge)
    yield
    delete_link(node.wire, bridge)


def asked(one: Pod, two: Pod) -> bytes:
    """What the second pod answers over UDP to the first."""
    open_in = partial(namespaces.socket_in, family=socket.AF_INET, kind=socket.SOCK_DGRAM)
    with open_in(one.file) as client, open_in(two.file) as server:
        for end, address in ((client, "192.168.100.10"), (server, "192.168.200.10")):
            end.settimeout(30)
            end.bind((address, 7777))
        client.sendto(b"ping", ("192.168.200.10", 7777))
        _data, sender = server.recvfrom(16)
        server.sendto(b"pong", sender)
        return client.recv(16)
