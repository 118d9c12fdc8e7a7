"""Neighbours, rules and the richer forms of routes and addresses, on the model and the real kernel alike."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ports.devices import Address, Hop, Metric, Neighbour, Route, Rule
from ports.errors import Code
from ports.kernel import Namespace
from tests.contracts.kernel.world import ABSENT, OnAKernel, World, fails

MAC = "02:00:00:00:00:99"
RULES = (
    Rule(family=4, priority=100, table=1007, protocol=4),
    Rule(family=4, priority=101, table=1007, source="192.0.2.0/24", destination="198.51.100.0/24", protocol=4),
    Rule(family=4, priority=102, table=100000, fwmark=0x10, fwmask=0xFF, iif="net7", oif="net8", protocol=4),
    Rule(family=4, priority=103, table=7, source="192.0.2.1/32", invert=True, tos=0x10, protocol=4),
    Rule(family=4, priority=104, destination="203.0.113.0/24", action=7, protocol=4),
    Rule(family=6, priority=100, table=1007, protocol=4),
    Rule(family=6, priority=101, table=1007, source="2001:db8::/32", destination="2001:db8:1::/48", protocol=4),
    Rule(family=6, priority=102, table=1008, fwmark=0x10, fwmask=0xFFFFFFFF, protocol=16),
)
ROUTES = (
    Route(destination="0.0.0.0/0", gateway="192.0.2.1", metric=100, mtu=1400),
    Route(
        destination="198.51.100.0/24", hops=(Hop(gateway="192.0.2.1"), Hop(gateway="192.0.2.2", weight=3)), table=1007
    ),
    Route(destination="198.51.101.0/24", hops=(Hop(gateway="10.9.9.1", onlink=True), Hop(gateway="192.0.2.2"))),
    Route(destination="2001:db8:7::/48", gateway="2001:db8::1", metric=5, mtu=1300, table=1007),
    Route(
        destination="2001:db8:8::/48",
        hops=(Hop(gateway="2001:db8::1"), Hop(gateway="2001:db8::2", weight=7)),
        metric=1024,
    ),
    Route(
        destination="198.51.103.0/24",
        gateway="192.0.2.1",
        mtu=1400,
        metrics=(Metric(number=8, value=1300), Metric(number=11, value=20)),  # advertised MSS, initial window
        congestion="reno",
        realm=7,
    ),
    Route(destination="2001:db8:a::/48", gateway="2001:db8::1", metric=9, preference=1),
    Route(
        destination="2001:db8:b::/48",
        gateway="2001:db8::1",
        metric=9,
        metrics=(Metric(number=1, value=1 << 10), Metric(number=10, value=3)),  # a locked number of hops
    ),
)


class RoutingContract(OnAKernel):
    """What packets are told of a link beside its networks."""

    @pytest.fixture
    def index(self, world: World, host: Namespace) -> int:
        """A link of the host that is up, with addresses of both families."""
        index = world.add_link("net7").identity.ifindex
        host.add_address(index, Address(prefix="192.0.2.5/24"))
        host.add_address(index, Address(prefix="2001:db8::5/64"))
        host.set_up(index, True)
        return index

    @pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77"])
    def test_a_permanent_neighbour_is_a_fact_and_is_replaced_by_another(
        self, host: Namespace, index: int, address: str
    ) -> None:
        host.add_neighbour(index, Neighbour(address=address, mac="02-00-00-00-00-01"))
        host.add_neighbour(index, Neighbour(address=address, mac=MAC))
        assert host.facts(index).neighbours == (Neighbour(address=address, mac=MAC),)

    def test_a_neighbour_of_an_absent_link_is_not_found(self, host: Namespace) -> None:
        fails(Code.NOT_FOUND, lambda: host.add_neighbour(ABSENT, Neighbour(address="192.0.2.77", mac=MAC)))

    def test_neighbours_of_one_link_are_not_those_of_another_and_end_with_a_move(
        self, world: World, host: Namespace, pod: Namespace, index: int
    ) -> None:
        other = world.add_link("net8").identity.ifindex
        host.add_neighbour(index, Neighbour(address="192.0.2.77", mac=MAC))
        assert host.facts(other).neighbours == ()
        there = host.move(index, pod, "net7").identity.ifindex
        assert pod.facts(there).neighbours == ()

    def test_an_empty_namespace_has_no_rules_but_the_kernels(self, pod: Namespace) -> None:
        assert pod.rules() == ()

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.family}-{rule.priority}")
    def test_a_rule_is_read_as_it_was_added_once(self, pod: Namespace, rule: Rule) -> None:
        pod.add_rule(rule)
        pod.add_rule(rule)
        assert pod.rules() == (rule,)
        pod.remove_rule(rule)
        pod.remove_rule(rule)
        assert pod.rules() == ()

    def test_rules_of_one_namespace_are_not_those_of_another(self, host: Namespace, pod: Namespace) -> None:
        pod.add_rule(RULES[0])
        assert host.rules() == ()

    def test_a_rule_with_host_bits_is_that_of_the_network(self, pod: Namespace) -> None:
        loose = Rule(family=4, priority=100, table=7, source="192.0.2.77/24", protocol=4)
        pod.add_rule(loose)
        assert pod.rules() == (replace(loose, source="192.0.2.0/24"),)
        pod.remove_rule(loose)
        assert pod.rules() == ()

    def test_removing_a_wide_rule_spares_the_narrower_ones_before_it(self, pod: Namespace) -> None:
        narrow = Rule(family=4, priority=100, table=7, source="192.0.2.0/24", protocol=4)
        marked = replace(narrow, source=None, fwmark=1, fwmask=0xFFFFFFFF)
        wide = replace(narrow, source=None)
        other = replace(narrow, priority=99)
        for rule in (narrow, marked, wide, other):
            pod.add_rule(rule)
        pod.remove_rule(wide)
        assert pod.rules() == (other, narrow, marked)

    def test_all_rules_are_there_together(self, pod: Namespace) -> None:
        for rule in RULES:
            pod.add_rule(rule)
        assert set(pod.rules()) == set(RULES)

    def test_rules_for_tables_that_routes_of_the_link_are_in_are_facts(self, host: Namespace, index: int) -> None:
        mine = Rule(family=4, priority=100, table=1007, source="192.0.2.5/32", protocol=4)
        common = Rule(family=4, priority=101, table=254, protocol=4)
        foreign = Rule(family=4, priority=102, table=1008, protocol=4)
        for rule in (mine, common, foreign):
            host.add_rule(rule)
        host.add_route(index, Route(destination="0.0.0.0/0", gateway="192.0.2.1", table=1007))
        host.add_route(index, Route(destination="198.51.100.0/24", gateway="192.0.2.1"))
        assert host.facts(index).rules == (mine,)

    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.destination)
    def test_a_route_is_read_as_it_was_added_once(self, host: Namespace, index: int, route: Route) -> None:
        wanted = replace(route, protocol=16)
        host.add_route(index, wanted)
        host.add_route(index, wanted)
        assert host.facts(index).routes == (wanted,)

    def test_routes_flushed_and_added_again_are_the_same(self, host: Namespace, index: int) -> None:
        for route in ROUTES:
            host.add_route(index, route)
        before = host.facts(index)
        assert len(before.routes) == len(ROUTES)
        host.set_up(index, False)
        for address in before.addresses:
            host.add_address(index, address)
        host.set_up(index, True)
        for route in before.routes:
            host.add_route(index, route)
        after = host.facts(index)
        assert set(after.routes) == set(before.routes)
        assert set(after.addresses) == set(before.addresses)

    @pytest.mark.parametrize("kind", [6, 7, 8])
    @pytest.mark.parametrize("destination", ["203.0.113.0/24", "2001:db8:9::/48"])
    def test_a_route_to_nowhere_is_of_no_link_and_bars_the_way(
        self, host: Namespace, index: int, kind: int, destination: str
    ) -> None:
        nowhere = Route(destination=destination, type=kind, metric=9, table=1007)
        host.add_route(index, nowhere)
        host.add_route(index, nowhere)
        assert host.facts(index).routes == ()
        gateway = "192.0.2.1" if ":" not in destination else "2001:db8::1"
        rival = Route(destination=destination, gateway=gateway, metric=9, table=1007)
        fails(Code.CONFLICT, lambda: host.add_route(index, rival))

    def test_another_kind_of_nowhere_is_a_conflict(self, host: Namespace, index: int) -> None:
        nowhere = Route(destination="203.0.113.0/24", type=6, metric=9)
        host.add_route(index, nowhere)
        fails(Code.CONFLICT, lambda: host.add_route(index, replace(nowhere, type=7)))

    @pytest.mark.parametrize(
        "address",
        [
            Address(prefix="169.254.7.7/16"),
            Address(prefix="10.0.0.1/32", peer="10.0.0.2"),
            Address(prefix="10.0.0.1/24", peer="10.0.7.2"),
            Address(prefix="2001:db8:5::1/128", peer="2001:db8:5::2"),
        ],
        ids=str,
    )
    def test_an_address_with_a_peer_is_read_as_it_was_added(
        self, host: Namespace, index: int, address: Address
    ) -> None:
        host.add_address(index, address)
        facts = host.facts(index)
        assert address in facts.addresses
        assert facts.routes == ()

    @pytest.mark.parametrize(
        "address",
        [
            Address(prefix="10.0.5.1/24", label="net7:0"),
            Address(prefix="10.0.5.1/24", protocol=17),
            Address(prefix="2001:db8:5::1/64", protocol=17),
        ],
        ids=str,
    )
    def test_an_address_keeps_its_label_and_its_maker(self, host: Namespace, index: int, address: Address) -> None:
        host.add_address(index, address)
        assert address in host.facts(index).addresses

    def test_an_address_wished_for_with_duplicate_detection_is_there(self, host: Namespace, index: int) -> None:
        wanted = Address(prefix="2001:db8:5::1/64", dad=True)
        host.add_address(index, wanted)
        assert replace(wanted, dad=False) in host.facts(index).addresses

    def test_routing_leaves_no_descriptor_open(self, host: Namespace, index: int) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            host.add_neighbour(index, Neighbour(address="192.0.2.77", mac=MAC))
            host.add_rule(RULES[0])
            host.remove_rule(RULES[0])
            host.add_route(index, ROUTES[0])
            host.facts(index)
            fails(Code.NOT_FOUND, lambda: host.add_neighbour(ABSENT, Neighbour(address="192.0.2.77", mac=MAC)))
        assert len(os.listdir("/proc/self/fd")) <= before  # an earlier test's announcement may end meanwhile
