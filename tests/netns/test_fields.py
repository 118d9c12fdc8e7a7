"""Every field of a claim's parameters shows its effect on a real kernel, and the host gets back what it gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.ethtool.control import EthtoolOffloads
from agent.domain.claims import Allocated, Configured
from agent.domain.planning import left_behind
from ports.devices import Address, Neighbour, Route, Rule, Sysctl
from ports.errors import Failure
from ports.netconfig import decode
from tests.contracts.programs.real import plant
from tests.netns.fields import Pod
from tests.support.private_net import add_link

pytestmark = pytest.mark.netns


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    """A pod and a host; after each test the devices go back, and the host is compared."""
    made = Pod(tmp_path)
    try:
        yield made
        if made.plan is not None:
            made.detach()
    finally:
        made.close()


def test_without_parameters_it_comes_as_it_was_with_what_the_host_had(pod: Pod) -> None:
    pod.attach({})
    assert [f"{each['local']}/{each['prefixlen']}" for each in pod.addresses()] == ["192.0.2.1/24", "2001:db8::1/64"]
    (route,) = pod.routes()
    assert (route["dst"], route["gateway"], route["metric"]) == ("198.51.1.0/24", "192.0.2.254", 77)
    assert "UP" in pod.link()["flags"]


def test_name(pod: Pod) -> None:
    pod.attach({"interface": {"name": "fabric0"}})
    assert pod.link("fabric0")["ifname"] == "fabric0"


def test_alternative_names(pod: Pod) -> None:
    pod.attach({"interface": {"alternativeNames": ["a-long-name-of-the-fabric", "fabric0"]}})
    assert pod.link("a-long-name-of-the-fabric")["ifname"] == pod.link("fabric0")["ifname"] == "net1"


def test_addresses(pod: Pod) -> None:
    pod.attach({"interface": {"addresses": ["10.0.0.5/24", "2001:db8:5::5/64", "10.0.0.9/32"]}})
    shown = [f"{each['local']}/{each['prefixlen']}" for each in pod.addresses()]
    assert sorted(shown) == ["10.0.0.5/24", "10.0.0.9/32", "2001:db8:5::5/64"]
    assert pod.routes() == []


def test_no_addresses(pod: Pod) -> None:
    pod.attach({"interface": {"addresses": []}})
    assert pod.addresses() == []


def test_mtu(pod: Pod) -> None:
    pod.attach({"interface": {"mtu": 4321}})
    assert pod.link()["mtu"] == 4321


def test_hardware_address(pod: Pod) -> None:
    pod.attach({"interface": {"hardwareAddr": "00-11-22-33-44-55"}})
    assert pod.link()["address"] == "00:11:22:33:44:55"


def test_transmit_queue_length(pod: Pod) -> None:
    pod.attach({"interface": {"txQueueLen": 777}})
    assert pod.link()["txqlen"] == 777


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("gsoMaxSize", "gso_max_size"),
        ("groMaxSize", "gro_max_size"),
        ("gsoIPv4MaxSize", "gso_ipv4_max_size"),
        ("groIPv4MaxSize", "gro_ipv4_max_size"),
    ],
)
def test_big_tcp_sizes(pod: Pod, key: str, shown: str) -> None:
    pod.attach({"interface": {key: 60000}})
    now = pod.bench.kernel.open(pod.bench.netns("sandbox-1"))
    try:
        found = now.find("net1")
        assert found is not None
        assert getattr(now.facts(found.identity.ifindex).tuning, shown) == 60000
    finally:
        now.close()
    assert pod.link().get(shown, 60000) == 60000  # an older ip does not show the IPv4 sizes


@pytest.mark.parametrize("on", [True, False])
def test_forwarding_in_both_families(pod: Pod, on: bool) -> None:
    pod.attach({"interface": {"forwarding": on}})
    assert pod.sysctl("ipv4/forwarding") == pod.sysctl("ipv6/forwarding") == str(int(on))


def test_arp_policy(pod: Pod) -> None:
    pod.attach({"interface": {"arpIgnore": 1, "arpAnnounce": 2}})
    assert (pod.sysctl("ipv4/arp_ignore"), pod.sysctl("ipv4/arp_announce")) == ("1", "2")


def test_other_sysctls(pod: Pod) -> None:
    pod.attach({"interface": {"sysctls": {"ipv4/rp_filter": 2, "ipv6/ndisc_notify": 1}}})
    assert (pod.sysctl("ipv4/rp_filter"), pod.sysctl("ipv6/ndisc_notify")) == ("2", "1")


def test_ipv6_can_be_switched_off(pod: Pod) -> None:
    pod.attach({"interface": {"addresses": ["10.0.0.5/24"], "sysctls": {"ipv6/disable_ipv6": 1, "ipv6/autoconf": 0}}})
    (link,) = pod.ip("address", "show", "dev", "net1")
    assert [each["family"] for each in link["addr_info"]] == ["inet"]


def test_duplicate_address_detection_is_off_unless_asked_for(pod: Pod) -> None:
    pod.attach({}, {"interface": {"ipv6": {"dad": True}}})
    assert (pod.sysctl("ipv6/accept_dad"), pod.sysctl("ipv6/accept_dad", "net2")) == ("0", "1")
    with_dad = [each for each in pod.addresses("net2") if each["family"] == "inet6"]
    without = [each for each in pod.addresses("net1") if each["family"] == "inet6"]
    assert [each.get("nodad") for each in (*without, *with_dad)] == [True, None]


def test_router_advertisements(pod: Pod) -> None:
    pod.attach(
        {"interface": {"ipv6": {"acceptRa": 2}}},
        {"interface": {"addresses": ["2001:db8:9::1/64"]}},
    )
    assert (pod.sysctl("ipv6/accept_ra"), pod.sysctl("ipv6/accept_ra", "net2")) == ("2", "0")


def test_the_hosts_way_with_router_advertisements_goes_along_with_its_addresses(pod: Pod) -> None:
    pod.host.set_sysctl(pod.index(0), Sysctl(name="ipv6/accept_ra", value="0"))
    pod.host.set_sysctl(pod.index(1), Sysctl(name="ipv6/accept_ra", value="2"))
    pod.attach({}, {})
    assert (pod.sysctl("ipv6/accept_ra"), pod.sysctl("ipv6/accept_ra", "net2")) == ("0", "2")


def test_routes_are_made_in_an_order_that_works(pod: Pod) -> None:
    pod.attach(
        {
            "interface": {"addresses": ["10.0.0.5/32"]},
            "routes": [
                {"destination": "10.9.0.0/16", "gateway": "10.0.0.1", "source": "10.0.0.5"},
                {"destination": "10.0.0.1/32", "scope": 253},
            ],
        }
    )
    shown = {each["dst"]: each for each in pod.routes()}
    assert shown["10.0.0.1"]["scope"] == "link"
    assert (shown["10.9.0.0/16"]["gateway"], shown["10.9.0.0/16"]["prefsrc"]) == ("10.0.0.1", "10.0.0.5")


ROUTED: dict[str, Any] = {"addresses": ["10.0.0.5/24", "2001:db8:5::5/64"]}


def test_route_table_metric_and_mtu(pod: Pod) -> None:
    route = {"destination": "10.9.0.0/16", "gateway": "10.0.0.1", "table": 100, "metric": 7, "mtu": 1400}
    route6 = {"destination": "2001:db8:9::/48", "gateway": "2001:db8:5::1", "metric": 9, "mtu": 1300}
    pod.attach({"interface": ROUTED, "routes": [route, route6]})
    (shown,) = pod.routes(table="100")
    assert (shown["dst"], shown["metric"], shown["metrics"]) == ("10.9.0.0/16", 7, [{"mtu": 1400}])
    (shown6,) = pod.routes(6)
    assert (shown6["dst"], shown6["metric"], shown6["metrics"]) == ("2001:db8:9::/48", 9, [{"mtu": 1300}])


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_route_type(pod: Pod, kind: str) -> None:
    pod.attach({"interface": ROUTED, "routes": [{"destination": "10.9.0.0/16", "type": kind}]})
    (shown,) = [each for each in pod.routes(name="") if each["dst"] == "10.9.0.0/16"]
    assert shown["type"] == kind


def test_route_with_a_gateway_that_no_address_tells_of(pod: Pod) -> None:
    pod.attach(
        {"interface": ROUTED, "routes": [{"destination": "10.9.0.0/16", "gateway": "172.16.0.1", "onLink": True}]}
    )
    (shown,) = pod.routes()
    assert (shown["gateway"], shown["flags"]) == ("172.16.0.1", ["onlink"])


@pytest.mark.parametrize(
    ("family", "destination", "gateways"),
    [(4, "10.9.0.0/16", ("10.0.0.1", "10.0.0.2")), (6, "2001:db8:9::/48", ("2001:db8:5::1", "2001:db8:5::2"))],
)
def test_route_with_several_next_hops(pod: Pod, family: int, destination: str, gateways: tuple[str, str]) -> None:
    hops = [{"gateway": gateways[0], "weight": 3}, {"gateway": gateways[1]}]
    pod.attach({"interface": ROUTED, "routes": [{"destination": destination, "nextHops": hops}]})
    (shown,) = [each for each in pod.routes(family, name="") if each["dst"] == destination]
    assert [(hop["gateway"], hop["weight"]) for hop in shown["nexthops"]] == [(gateways[0], 3), (gateways[1], 1)]


def rules(pod: Pod, family: int = 4) -> list[dict[str, Any]]:
    """Those that are not the kernel's own."""
    return [each for each in pod.ip(f"-{family}", "rule") if each.get("protocol") != "kernel"]


def test_rules(pod: Pod) -> None:
    pod.attach(
        {
            "interface": ROUTED,
            "routes": [{"destination": "0.0.0.0/0", "gateway": "10.0.0.1", "table": 100}],
            "rules": [
                {"priority": 500, "source": "10.0.0.0/24", "destination": "10.7.0.0/16", "table": 100},
                {"priority": 0, "source": "10.0.0.9/32"},
                {"fwmark": 7, "fwmask": 255, "iif": "net1", "oif": "net1", "table": 100},
            ],
        }
    )
    first, second, third = rules(pod)
    assert (first["priority"], first["src"], first["table"]) == (0, "10.0.0.9", "main")
    assert (second["src"], second["srclen"], second["dst"], second["dstlen"]) == ("10.0.0.0", 24, "10.7.0.0", 16)
    assert (second["priority"], second["table"]) == (500, "100")
    assert (third["priority"], third["table"], third["fwmark"], third["fwmask"]) == (32765, "100", "0x7", "0xff")
    assert (third["iif"], third["oif"]) == ("net1", "net1")
    assert rules(pod, 6) == []


def test_a_rule_without_networks_is_for_the_families_of_its_table(pod: Pod) -> None:
    route = {"destination": "2001:db8:9::/48", "gateway": "2001:db8:5::1", "table": 100}
    pod.attach({"interface": ROUTED, "routes": [route], "rules": [{"priority": 9, "table": 100}]})
    assert (len(rules(pod, 4)), len(rules(pod, 6))) == (0, 1)


def test_neighbours(pod: Pod) -> None:
    entry = {"destination": "10.0.0.1", "hardwareAddr": "0011.2233.4455"}
    entry6 = {"destination": "2001:db8:5::1", "hardwareAddr": "00:11:22:33:44:66"}
    pod.attach({"interface": ROUTED, "neighbors": [entry, entry6]})
    shown = {each["dst"]: (each["lladdr"], each["state"]) for each in pod.ip("neighbour", "show", "nud", "permanent")}
    assert shown["10.0.0.1"] == ("00:11:22:33:44:55", ["PERMANENT"])
    assert shown["2001:db8:5::1"] == ("00:11:22:33:44:66", ["PERMANENT"])


def test_features(pod: Pod) -> None:
    pod.attach({"ethtool": {"features": {"tso": False, "generic-receive-offload": True, "rx-gro-list": True}}})
    inside = pod.bench.kernel.open(pod.bench.netns("sandbox-1"))
    try:
        found = inside.find("net1")
        assert found is not None
        read = EthtoolOffloads().read(inside, found.identity.ifindex)
    finally:
        inside.close()
    now = {feature.name: feature.on for feature in read.features}
    segmentation = {
        name: on for name, on in now.items() if name.startswith("tx-tcp") and name.endswith("-segmentation")
    }
    assert segmentation
    assert not any(segmentation.values())
    assert (now["rx-gro"], now["rx-gro-list"]) == (True, True)


@pytest.mark.parametrize("remove", [True, False])
def test_programs_of_the_host(pod: Pod, remove: bool) -> None:
    plant(pod.host, pod.index(), "xdp", "of_the_host")  # tc filters go in any case when an interface is moved
    pod.attach({"interface": {"disableEbpfPrograms": remove}})
    assert bool(pod.link().get("xdp")) is not remove


def test_the_whole_bundle_of_the_host_goes_along(pod: Pod) -> None:
    host, index = pod.host, pod.index()
    host.add_route(index, Route(destination="10.20.0.0/16", gateway="192.0.2.254", table=100, metric=5, mtu=1400))
    host.add_route(index, Route(destination="10.21.0.0/16", gateway="192.0.2.254", table=100, source="192.0.2.1"))
    host.add_rule(Rule(family=4, priority=500, table=100, source="10.20.30.0/24", fwmark=7, iif="ens1"))
    host.add_neighbour(index, Neighbour(address="192.0.2.9", mac="00:11:22:33:44:55"))
    host.add_neighbour(index, Neighbour(address="2001:db8::9", mac="00:11:22:33:44:66"))
    pod.attach({})
    shown = {each["dst"]: each for each in pod.routes(table="100")}
    assert (shown["10.20.0.0/16"]["metric"], shown["10.20.0.0/16"]["metrics"]) == (5, [{"mtu": 1400}])
    assert shown["10.21.0.0/16"]["prefsrc"] == "192.0.2.1"
    (rule,) = rules(pod)
    assert (rule["priority"], rule["table"], rule["src"], rule["fwmark"], rule["iif"]) == (
        500,
        "100",
        "10.20.30.0",
        "0x7",
        "net1",
    )
    assert {each["dst"] for each in pod.ip("neighbour", "show", "nud", "permanent")} >= {"192.0.2.9", "2001:db8::9"}


def test_host_routes_that_work_go_along_with_addresses_of_ones_own(pod: Pod) -> None:
    host, index = pod.host, pod.index()
    host.add_route(index, Route(destination="10.20.0.0/16", scope=253, source="192.0.2.1"))
    host.add_route(index, Route(destination="10.30.0.0/16", gateway="192.0.2.253"))
    parameters = {"interface": {"addresses": ["192.0.2.77/24"]}, "inheritHostRoutes": True}
    pod.attach(parameters)
    assert {each["dst"] for each in pod.routes()} == {"10.30.0.0/16", "198.51.1.0/24"}
    allocated = Allocated(request="nic", pool="node1", device="ens1")
    (note,) = left_behind((Configured(allocated=allocated, config=decode(parameters)),), {"ens1": pod.before[0]})
    assert "10.20.0.0/16 left behind: its source 192.0.2.1" in note


def test_host_routes_can_be_left_behind(pod: Pod) -> None:
    pod.attach({"inheritHostRoutes": False})
    assert pod.routes() == []
    assert len(pod.addresses()) == 2


def test_an_address_whose_network_the_host_routes_itself_keeps_its_route(pod: Pod) -> None:
    host, index = pod.host, pod.index()
    host.add_address(index, Address(prefix="10.40.0.1/24", no_prefix_route=True))
    host.add_route(index, Route(destination="10.40.0.0/24", scope=253, source="10.40.0.1", metric=100, protocol=2))
    pod.attach({})
    shown = pod.ip("-4", "route", "show", "dev", "net1")
    (route,) = [each for each in shown if each["dst"] == "10.40.0.0/24"]
    assert (route["metric"], route["prefsrc"]) == (100, "10.40.0.1")


def test_two_devices_and_a_source_of_the_first_on_the_second(pod: Pod) -> None:
    pod.attach(
        {"interface": {"addresses": ["10.0.0.5/24"]}},
        {
            "interface": {"addresses": []},
            "routes": [{"destination": "10.9.0.0/16", "scope": 253, "source": "10.0.0.5"}],
        },
    )
    (shown,) = pod.routes(name="net2")
    assert shown["prefsrc"] == "10.0.0.5"


def test_a_source_that_comes_with_a_later_device_is_refused_when_planning(pod: Pod) -> None:
    with pytest.raises(Failure, match="is no address of this interface or of one attached before it"):
        pod.attach(
            {
                "interface": {"addresses": []},
                "routes": [{"destination": "10.9.0.0/16", "scope": 253, "source": "10.0.0.5"}],
            },
            {"interface": {"addresses": ["10.0.0.5/24"]}},
        )


def test_the_mtu_of_a_macvlans_parent_is_known(pod: Pod) -> None:
    pod.host.set_mtu(pod.index(), 1400)
    index = add_link(pod.host, "child0", "macvlan", lower=pod.index())
    assert pod.host.facts(index).lower_mtu == 1400
    assert pod.host.facts(pod.index()).lower_mtu is None  # the other end of a veth bounds nothing
