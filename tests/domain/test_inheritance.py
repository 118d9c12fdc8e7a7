"""What of the host's configuration goes along: a bundle that works in the pod, or is told as left behind."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.routing import Addressing, addressing
from ports.devices import SCOPE_LINK, Address, Hop, LinkFacts, Metric, Neighbour, Route, Rule
from tests.domain.values import config, facts

HOST = Address(prefix="192.0.2.5/24")
MAC = "00:11:22:33:44:55"


def made(parameters: dict[str, Any] | None = None, **host: Any) -> Addressing:
    """The addressing in the pod of a host's interface with one address and these."""
    known = replace(facts(), addresses=(HOST,), routes=())
    return addressing(config(**(parameters or {})), replace(known, **host))


def route(destination: str = "10.8.0.0/16", **more: Any) -> Route:
    return Route(**{"destination": destination, "protocol": 4, **more})


def test_a_route_keeps_all_that_it_is() -> None:
    whole = route(gateway="192.0.2.1", source="192.0.2.5", table=100, metric=7, protocol=16, mtu=1400)
    finer = replace(whole, table=101, metrics=(Metric(number=8, value=1300),), congestion="reno", preference=1, realm=7)
    assert made(routes=(whole, finer)).routes == (whole, finer)


@pytest.mark.parametrize("scope", [0, SCOPE_LINK])
@pytest.mark.parametrize("prefix", ["169.254.7.7/16", "fe80::7/64"])
def test_link_local_addresses_that_somebody_gave_the_interface_go_along(prefix: str, scope: int) -> None:
    given = Address(prefix=prefix, scope=scope)
    assert made(addresses=(given,)).addresses == (given,)
    static = {"interface": {"addresses": ["10.0.0.5/24"]}}
    assert [address.prefix for address in made(static, addresses=(given,)).addresses] == ["10.0.0.5/24"]


def test_a_route_to_the_link_local_network_that_somebody_made_goes_along() -> None:
    metadata = route("169.254.169.254/32", scope=SCOPE_LINK)
    assert made(routes=(metadata,)).routes == (metadata,)
    by_the_kernel = route("169.254.0.0/16", scope=SCOPE_LINK, protocol=2)
    host = (Address(prefix="169.254.7.7/16"),)
    assert made(routes=(by_the_kernel,), addresses=host).routes == ()


def test_an_address_loses_its_label_which_begins_with_the_hosts_name() -> None:
    labelled = replace(HOST, label="ens1:0")
    assert made(addresses=(labelled,)).addresses == (HOST,)


def test_an_address_of_the_host_itself_stays_there() -> None:
    assert made(addresses=(replace(HOST, scope=254),)).addresses == ()


def test_routes_that_lead_nowhere_and_those_with_several_hops_go_along() -> None:
    routes = (route("10.9.0.0/16", type=6), route(hops=(Hop(gateway="192.0.2.1", weight=3), Hop(gateway="192.0.2.2"))))
    assert made(routes=routes).routes == routes


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (route(gateway="192.0.2.1", source="192.0.2.6"), "its source 192.0.2.6 is no address"),
        (route(gateway="198.51.100.1"), "its gateway 198.51.100.1 is in no network"),
        (route(gateway="192.0.2.5"), "its gateway 192.0.2.5 is the interface itself"),
        (route(hops=(Hop(gateway="192.0.2.1"), Hop(gateway="198.51.100.1"))), "its gateway 198.51.100.1"),
        (route(gateway="fe80::1"), "its gateway or source is of another address family"),
    ],
)
def test_a_route_that_the_pods_kernel_would_refuse_is_left_behind_and_told(left: Route, words: str) -> None:
    answer = made(routes=(left, route("10.7.0.0/16", gateway="192.0.2.1")))
    assert [each.destination for each in answer.routes] == ["10.7.0.0/16"]
    (note,) = answer.notes
    assert note.startswith("host route 10.8.0.0/16 left behind: ")
    assert words in note


def test_a_gateway_behind_an_on_link_route_of_the_host_is_reachable() -> None:
    routes = (route("198.51.100.1/32", scope=253), route(gateway="198.51.100.1"))
    assert made(routes=routes).routes == routes


def test_the_route_to_a_network_that_the_kernel_does_not_route_by_itself_goes_along() -> None:
    own = route("192.0.2.0/24", scope=253, source="192.0.2.5", metric=100, protocol=2)
    by_itself = made(routes=(own,))
    assert not by_itself.routes
    assert not by_itself.notes
    assert made(addresses=(replace(HOST, no_prefix_route=True),), routes=(own,)).routes == (own,)


def test_a_point_to_point_address_reaches_its_peer() -> None:
    peered = Address(prefix="192.0.2.5/32", peer="203.0.113.1")
    through = route(gateway="203.0.113.1")
    assert made(addresses=(peered,), routes=(through,)).routes == (through,)


def test_rules_go_along_with_the_routes_of_their_table() -> None:
    rule = Rule(family=4, priority=500, table=100, source="10.20.30.0/24", fwmark=7, fwmask=15, tos=4, invert=True)
    in_table = route(gateway="192.0.2.1", table=100)
    answer = made(routes=(in_table,), rules=(rule, rule))
    assert answer.rules == (rule,)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(family=4, priority=5, table=200), "none of the interface's routes in the pod are in its table"),
        (Rule(family=6, priority=5, table=100), "none of the interface's routes in the pod are in its table"),
        (Rule(family=4, priority=5, table=100, iif="bond0"), "it is about interface bond0"),
        (Rule(family=4, priority=5, table=100, iif="ens1", oif="bond0"), "it is about interface bond0"),
    ],
)
def test_a_rule_that_would_mean_something_else_is_left_behind_and_told(rule: Rule, words: str) -> None:
    answer = made(routes=(route(gateway="192.0.2.1", table=100),), rules=(rule,))
    assert answer.rules == ()
    assert words in answer.notes[0]


def test_a_rule_about_the_interface_itself_is_about_its_name_in_the_pod() -> None:
    rule = Rule(family=4, priority=5, table=100, iif="ens1")
    answer = made({"interface": {"name": "net1"}}, routes=(route(gateway="192.0.2.1", table=100),), rules=(rule,))
    assert answer.rules == (replace(rule, iif="net1"),)


def test_a_rule_whose_routes_stay_behind_stays_behind() -> None:
    rule = Rule(family=4, priority=5, table=100)
    answer = made(routes=(route(gateway="198.51.100.1", table=100),), rules=(rule,))
    assert (answer.rules, len(answer.notes)) == ((), 2)


def test_neighbours_in_the_pods_networks_go_along() -> None:
    inside, outside = Neighbour(address="192.0.2.9", mac=MAC), Neighbour(address="198.51.100.9", mac=MAC)
    local = Neighbour(address="fe80::9", mac=MAC)
    answer = made(neighbours=(inside, outside, local))
    assert answer.neighbours == (inside, local)
    assert "host neighbour 198.51.100.9 left behind" in answer.notes[0]


def test_the_claims_neighbour_wins_over_the_hosts() -> None:
    own = {"destination": "192.0.2.9", "hardwareAddr": "02:00:00:00:00:09"}
    answer = made({"neighbors": [own]}, neighbours=(Neighbour(address="192.0.2.9", mac=MAC),))
    assert answer.neighbours == (Neighbour(address="192.0.2.9", mac="02:00:00:00:00:09"),)


EVERYTHING: dict[str, Any] = {
    "routes": (route(gateway="192.0.2.1", table=100),),
    "rules": (Rule(family=4, priority=5, table=100),),
    "neighbours": (Neighbour(address="192.0.2.9", mac=MAC),),
}


@pytest.mark.parametrize("parameters", [{"inheritHostRoutes": False}, {"interface": {"addresses": ["192.0.2.7/24"]}}])
def test_the_bundle_can_be_left_behind_and_that_is_not_worth_a_word(parameters: dict[str, Any]) -> None:
    answer = made(parameters, **EVERYTHING)
    assert not answer.routes
    assert not answer.rules
    assert not answer.neighbours
    assert not answer.notes


def test_what_works_with_addresses_of_ones_own_can_be_taken() -> None:
    parameters = {"inheritHostRoutes": True, "interface": {"addresses": ["192.0.2.7/24"]}}
    answer = made(parameters, **EVERYTHING)
    assert (answer.routes, answer.rules, answer.neighbours) == tuple(EVERYTHING.values())
    assert [address.prefix for address in answer.addresses] == ["192.0.2.7/24"]
    elsewhere = made({**parameters, "interface": {"addresses": ["198.51.100.7/24"]}}, **EVERYTHING)
    assert not elsewhere.routes
    assert not elsewhere.rules
    assert not elsewhere.neighbours
    assert len(elsewhere.notes) == 3


def test_in_a_vrf_routes_are_in_its_table_and_rules_stay_behind() -> None:
    main = route(gateway="192.0.2.1")
    parameters = {"interface": {"vrf": {"name": "blue"}}}
    answer = made(parameters, routes=(main, *EVERYTHING["routes"]), rules=EVERYTHING["rules"])
    assert answer.routes == (replace(main, table=1541),)
    assert answer.rules == ()
    assert [note.rpartition(": ")[2] for note in answer.notes] == [
        "its table 100 is no table of the VRF",
        "the interface is in a VRF",
    ]


def test_duplicate_detection_is_a_wish_for_ipv6_addresses_only() -> None:
    hosts = (HOST, Address(prefix="2001:db8::5/64"))
    answer = made({"interface": {"ipv6": {"dad": True}}}, addresses=hosts)
    assert [address.dad for address in answer.addresses] == [False, True]


ADDRESSES = st.lists(
    st.builds(
        Address,
        prefix=st.sampled_from(["192.0.2.5/24", "198.51.100.5/32", "2001:db8::5/64", "fe80::5/64", "169.254.7.7/16"]),
        scope=st.sampled_from([0, 253, 254]),
        no_prefix_route=st.booleans(),
    ),
    max_size=3,
).map(tuple)
GATEWAYS = st.sampled_from([None, "192.0.2.1", "192.0.2.5", "198.51.100.1", "2001:db8::1", "fe80::1"])
ROUTES = st.lists(
    st.builds(
        Route,
        destination=st.sampled_from(["10.8.0.0/16", "0.0.0.0/0", "198.51.100.0/24", "2001:db8:9::/48", "fe80::/64"]),
        gateway=GATEWAYS,
        source=st.sampled_from([None, "192.0.2.5", "192.0.2.6", "2001:db8::5"]),
        scope=st.sampled_from([0, 253, 254]),
        table=st.sampled_from([254, 255, 100]),
        protocol=st.sampled_from([2, 4, 16]),
        onlink=st.booleans(),
    ),
    max_size=5,
).map(tuple)
RULES = st.lists(
    st.builds(
        Rule,
        family=st.sampled_from([4, 6]),
        priority=st.integers(0, 3),
        table=st.sampled_from([100, 200]),
        iif=st.sampled_from([None, "ens1", "bond0"]),
    ),
    max_size=3,
).map(tuple)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "inheritHostRoutes": st.booleans(),
        "interface": st.sampled_from(
            [{"name": "net1"}, {"addresses": ["192.0.2.7/24"]}, {"addresses": []}, {"vrf": {"name": "blue"}}]
        ),
        "routes": st.just([{"destination": "198.51.100.1/32", "scope": 253}]),
    },
)


@given(PARAMETERS, ADDRESSES, ROUTES, RULES)
def test_whatever_the_host_has_what_goes_along_works_in_the_pod(
    parameters: dict[str, Any], addresses: tuple[Address, ...], routes: tuple[Route, ...], rules: tuple[Rule, ...]
) -> None:
    host = LinkFacts(link=facts().link, addresses=addresses, routes=routes, rules=rules)
    answer = addressing(config(**parameters), host)
    local = {str(ipaddress.ip_interface(each.prefix).ip) for each in answer.addresses}
    for each in answer.routes:
        assert each.source is None or each.source in local
        assert each.table != 255
        assert each.gateway not in local or each.onlink
    tables = {(each.table, 6 if ":" in each.destination else 4) for each in answer.routes}
    for rule in answer.rules:
        assert (rule.table, rule.family) in tables
        assert rule.iif in (None, parameters.get("interface", {}).get("name") or "ens1")
    assert all(address.scope <= SCOPE_LINK for address in answer.addresses)
