"""What the node stands on, by topology and routing table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from ports.devices import Rule
from ports.uplinks import HIGH, LOW, Default, Owner, carriers, reached_tables, standing_on

ETH0, ETH1, BOND, VLAN, BRIDGE, VF, PF = 2, 3, 10, 11, 12, 20, 21
MAIN = reached_tables([Rule(family=family, priority=32766, table=254) for family in (4, 6)])


def needed(*ways: Default, rules: Iterable[Rule] = (), families: Iterable[int] = ()) -> set[int]:
    """The links that count, where the rules are those and the main table's."""
    main = (Rule(family=family, priority=32766, table=254) for family in (4, 6))
    reached = reached_tables([*rules, *main])
    return set(carriers(reached, ways, lambda index: Owner(name=f"eth{index}", prefixes=()), frozenset(families)))


def way(ifindex: int, family: int = 4, table: int = 254, **more: object) -> Default:
    """A default route's way."""
    return Default(ifindex=ifindex, family=family, table=table, **more)  # type: ignore[arg-type]


def stood_on(
    start: int, below: Mapping[int, Iterable[int]], above: Mapping[int, Iterable[int]] | None = None
) -> set[int]:
    """What a link stands on."""
    upward = above or {}
    return set(standing_on({start: "r"}, lambda index: below.get(index, ()), lambda index: upward.get(index, ())))


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ({VLAN: [BOND], BOND: [ETH0, ETH1]}, {VLAN, BOND, ETH0, ETH1}),
        ({VLAN: [BRIDGE], BRIDGE: [BOND, 99], BOND: [ETH0]}, {VLAN, BRIDGE, BOND, 99, ETH0}),
        ({VLAN: [VF], VF: [PF]}, {VLAN, VF, PF}),
        ({VLAN: [VLAN]}, {VLAN}),
    ],
    ids=["a VLAN on a bond of two cards", "a VLAN on a bridge with a bond", "a VLAN on a VF", "a circle"],
)
def test_a_link_stands_on_everything_below_it(below: Mapping[int, list[int]], expected: set[int]) -> None:
    assert stood_on(VLAN, below) == expected


def test_masters_of_what_is_stood_on_count_and_their_other_ports_do_not() -> None:
    above = {ETH0: [BRIDGE], ETH1: [BRIDGE]}
    assert stood_on(ETH0, {BRIDGE: [ETH0, ETH1]}, above) == {ETH0, BRIDGE}


def test_children_of_an_uplink_are_free() -> None:
    assert stood_on(ETH0, {VLAN: [ETH0]}) == {ETH0}


def test_the_reason_tells_the_way() -> None:
    reasons = standing_on({VLAN: "carries it"}, lambda index: {VLAN: [BOND], BOND: [ETH0]}.get(index, []), lambda _: [])
    assert reasons[ETH0] == (f"is below interface #{BOND}, which is below interface #{VLAN}, which carries it")


def test_each_family_has_its_best_and_equal_ones_all_count() -> None:
    assert needed(way(ETH0, metric=100), way(ETH1, metric=200), way(ETH1, 6)) == {ETH0, ETH1}
    assert needed(way(ETH0, metric=100), way(ETH1, metric=100)) == {ETH0, ETH1}
    assert needed(way(ETH0, metric=100), way(ETH1, metric=200)) == {ETH0}


def test_of_routers_that_advertise_themselves_the_preferred_one_counts() -> None:
    advertised = {"metric": 1024, "advertised": True}
    assert needed(way(ETH0, 6, **advertised), way(ETH1, 6, preference=LOW, **advertised)) == {ETH0}
    assert needed(way(ETH0, 6, **advertised), way(ETH1, 6, preference=HIGH, **advertised)) == {ETH1}
    assert needed(way(ETH0, 6, **advertised), way(ETH1, 6, **advertised)) == {ETH0, ETH1}


def test_an_advertised_route_of_a_family_that_the_node_has_no_address_of_counts_for_nothing() -> None:
    assert needed(way(ETH1, 6, advertised=True), families=[4]) == set()
    assert needed(way(ETH1, 6, advertised=True), families=[4, 6]) == {ETH1}
    assert needed(way(ETH1, 6, advertised=True)) == {ETH1}
    assert needed(way(ETH1, 6), families=[4]) == {ETH1}


def test_a_way_without_a_carrier_and_the_one_that_stands_in_for_it_both_count() -> None:
    assert needed(way(ETH0, metric=100, alive=False), way(ETH1, metric=200), way(VF, metric=300)) == {ETH0, ETH1}


def test_a_rule_named_after_the_link_is_its_own() -> None:
    for rule in (Rule(family=4, priority=1, table=7, iif="eth2"), Rule(family=4, priority=1, table=7, oif="eth2")):
        assert needed(way(ETH0, table=7), rules=[rule]) == set()
        assert needed(way(ETH1, table=7), rules=[rule]) == {ETH1}


def test_a_family_without_rules_has_the_main_table() -> None:
    assert reached_tables([]).keys() == {(4, 254), (6, 254)}
    assert MAIN.keys() == {(4, 254), (6, 254)}


def test_rules_that_forbid_and_the_local_table_lead_nowhere() -> None:
    rules = [Rule(family=4, priority=0, table=255), Rule(family=4, priority=1, table=7, action=7)]
    assert reached_tables(rules).keys() == {(6, 254)}
