"""What the node itself depends on, on the model and the real kernel alike."""

from __future__ import annotations

import pytest

from ports.devices import Address, Route, Rule
from ports.kernel import Namespace
from tests.contracts.kernel.world import OnAKernel, World

ADDRESSES = ("192.0.2.5/24", "2001:db8::5/64")
DEFAULT = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
DEFAULT6 = Route(destination="::/0", gateway="2001:db8::1")
OWN_TABLE = Route(destination="0.0.0.0/0", gateway="192.0.2.1", table=1007)


class UplinksContract(OnAKernel):
    """Default routes, in which table, and who is led to it."""

    @pytest.fixture
    def index(self, world: World, host: Namespace) -> int:
        """A link that is up, with addresses and without routes."""
        index = world.add_link("net7").identity.ifindex
        for prefix in ADDRESSES:
            host.add_address(index, Address(prefix=prefix))
        host.set_up(index, True)
        return index

    def test_a_link_without_a_default_route_is_none(self, world: World, host: Namespace, index: int) -> None:
        host.add_route(index, Route(destination="198.51.100.0/24", gateway="192.0.2.1"))
        assert world.kernel.uplinks() == {}

    @pytest.mark.parametrize("route", [DEFAULT, DEFAULT6], ids=["IPv4", "IPv6"])
    def test_a_link_with_the_default_route_is_one(
        self, world: World, host: Namespace, index: int, route: Route
    ) -> None:
        host.add_route(index, route)
        assert world.kernel.uplinks().keys() == {index}
        assert "default route (table 254)" in world.kernel.uplinks()[index]
        assert world.kernel.why_needed(index)

    def test_a_default_route_in_a_table_that_nothing_leads_to_counts_for_nothing(
        self, world: World, host: Namespace, index: int
    ) -> None:
        host.add_route(index, OWN_TABLE)
        assert world.kernel.uplinks() == {}
        assert world.kernel.why_needed(index) == ""

    @pytest.mark.parametrize("source", ["192.0.2.5/32", "192.0.2.0/24"])
    def test_a_clouds_second_interface_with_rules_for_its_own_address_is_free(
        self, world: World, host: Namespace, index: int, source: str
    ) -> None:
        host.add_route(index, OWN_TABLE)
        host.add_rule(Rule(family=4, priority=100, table=1007, source=source))
        assert world.kernel.uplinks() == {}
        assert world.kernel.why_needed(index) == ""

    @pytest.mark.parametrize(
        "rule",
        [
            Rule(family=4, priority=100, table=1007),
            Rule(family=4, priority=100, table=1007, source="10.244.0.0/16"),
            Rule(family=4, priority=100, table=1007, source="192.0.2.5/32", invert=True),
            Rule(family=4, priority=100, table=1007, fwmark=0x80, fwmask=0x80),
            Rule(family=4, priority=100, table=1007, iif="lo"),
        ],
        ids=["all", "from pods", "not from its address", "marked", "from this node"],
    )
    def test_a_table_that_others_are_led_to_makes_an_uplink(
        self, world: World, host: Namespace, index: int, rule: Rule
    ) -> None:
        host.add_route(index, OWN_TABLE)
        host.add_rule(rule)
        assert world.kernel.uplinks().keys() == {index}

    def test_a_rule_for_one_destination_is_no_more_than_a_route_there(
        self, world: World, host: Namespace, index: int
    ) -> None:
        host.add_route(index, OWN_TABLE)
        host.add_rule(Rule(family=4, priority=100, table=1007, destination="10.50.0.0/16"))
        assert world.kernel.uplinks() == {}

    def test_of_two_default_routes_the_better_one_counts(self, world: World, host: Namespace, index: int) -> None:
        other = world.add_link("net8").identity.ifindex
        host.add_address(other, Address(prefix="198.51.100.5/24"))
        host.set_up(other, True)
        host.add_route(index, Route(destination="0.0.0.0/0", gateway="192.0.2.1", metric=200))
        host.add_route(other, Route(destination="0.0.0.0/0", gateway="198.51.100.1", metric=100))
        assert world.kernel.uplinks().keys() == {other}
        assert (world.kernel.why_needed(index), bool(world.kernel.why_needed(other))) == ("", True)
