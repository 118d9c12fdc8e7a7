"""What every implementation of ``ports.kernel.Kernel`` does, the model and the real one alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ports.devices import SCOPE_LINK, Address, Lifetime, Route
from ports.errors import Code, Failure
from ports.kernel import Namespace
from tests.contracts.kernel.world import ABSENT, OnAKernel, World, fails

ADDRESS = Address(prefix="192.0.2.5/24")
ADDRESS6 = Address(prefix="2001:db8::5/64")
ROUTE = Route(destination="198.51.100.0/24", gateway="192.0.2.1", metric=77)
ROUTE6 = Route(destination="2001:db8:1::/48", gateway="2001:db8::1", metric=1024)


class KernelContract(OnAKernel):
    """Namespaces, and links in them with addresses and routes."""

    def test_a_missing_path_is_not_found_and_nothing_is_made_there(self, world: World) -> None:
        path = world.foreign_path() + ".missing"
        for _ in range(2):
            fails(Code.NOT_FOUND, lambda: world.kernel.open(path))

    def test_a_file_that_is_no_namespace_is_refused(self, world: World) -> None:
        fails(Code.REFUSED, lambda: world.kernel.open(world.foreign_path()))

    def test_the_hosts_own_namespace_is_refused(self, world: World) -> None:
        fails(Code.REFUSED, lambda: world.kernel.open(world.host_path()))

    def test_a_cookie_tells_namespaces_apart_and_is_the_same_for_the_same_one(self, world: World) -> None:
        path, other = world.add_namespace(), world.add_namespace()
        opened = [world.kernel.open(path), world.kernel.open(path), world.kernel.open(other)]
        cookies = [namespace.cookie for namespace in opened] + [world.kernel.host.cookie]
        for namespace in opened:
            namespace.close()
        assert cookies[0] == cookies[1]
        assert len(set(cookies)) == 3

    def test_closing_twice_does_no_harm_and_a_closed_namespace_answers_nothing(self, world: World) -> None:
        namespace = world.kernel.open(world.add_namespace())
        namespace.close()
        namespace.close()
        with pytest.raises(Failure):
            namespace.links()

    def test_a_link_is_found_by_index_and_by_name_and_in_the_list(self, world: World, host: Namespace) -> None:
        made = world.add_link("net7")
        assert host.link(made.identity.ifindex) == made
        assert host.find("net7") == made
        assert made in host.links()
        assert (made.name, made.identity.link_kind, made.up, made.loopback) == ("net7", "veth", False, False)

    def test_an_absent_link_is_not_found(self, world: World, host: Namespace) -> None:
        assert host.find("absent0") is None
        acts: tuple[Callable[[], object], ...] = (
            lambda: host.link(ABSENT),
            lambda: host.facts(ABSENT),
            lambda: host.set_up(ABSENT, True),
            lambda: host.set_mtu(ABSENT, 1400),
            lambda: host.set_mac(ABSENT, "02:00:00:00:00:09"),
            lambda: host.rename(ABSENT, "net8"),
            lambda: host.add_address(ABSENT, ADDRESS),
            lambda: host.addresses(ABSENT),
        )
        for act in acts:
            fails(Code.NOT_FOUND, act)

    def test_a_move_of_an_absent_link_is_not_found(self, host: Namespace, pod: Namespace) -> None:
        fails(Code.NOT_FOUND, lambda: host.move(ABSENT, pod, "net1"))

    def test_a_moved_link_is_in_the_target_under_the_new_name_only(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        made = world.add_link("net7")
        moved = host.move(made.identity.ifindex, pod, "net1")
        assert moved == pod.find("net1") == pod.link(moved.identity.ifindex)
        assert moved.identity.same_device(made.identity)
        assert (moved.name, moved.mac, moved.mtu, moved.up) == ("net1", made.mac, made.mtu, False)
        assert host.find("net7") is None
        assert host.find("net1") is None

    def test_a_move_sets_the_link_down_and_drops_addresses_and_routes(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        index = _configured(world, host)
        moved = host.move(index, pod, "net7")
        facts = pod.facts(moved.identity.ifindex)
        assert (facts.link.up, facts.addresses, facts.routes) == (False, (), ())

    def test_a_link_comes_back_as_it_went(self, world: World, host: Namespace, pod: Namespace) -> None:
        made = world.add_link("net7")
        there = host.move(made.identity.ifindex, pod, "net1")
        back = pod.move(there.identity.ifindex, host, "net7")
        assert replace(back, operstate=made.operstate) == made

    def test_a_taken_name_in_the_target_leaves_the_link_where_it_was(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        first, second = world.add_link("net7"), world.add_link("net8")
        host.move(first.identity.ifindex, pod, "net1")
        fails(Code.CONFLICT, lambda: host.move(second.identity.ifindex, pod, "net1"))
        assert host.find("net8") == second

    def test_an_index_taken_in_the_target_is_answered_with_the_new_one(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        first = host.move(world.add_link("net7").identity.ifindex, pod, "net1")
        index = first.identity.ifindex
        second = world.add_link("net9", index)
        moved = host.move(index, pod, "net2")
        assert moved.identity.ifindex != index
        assert moved.identity.same_device(second.identity)
        assert pod.link(index).name == "net1"
        assert pod.link(moved.identity.ifindex).name == "net2"

    def test_an_index_that_is_wished_for_and_free_in_the_target_is_had_there(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        made = world.add_link("net7")
        there = host.move(made.identity.ifindex, pod, "net1", 4321)
        assert there.identity.ifindex == 4321
        back = pod.move(4321, host, "net7", made.identity.ifindex)
        assert back.identity == made.identity

    def test_an_index_that_is_wished_for_and_taken_is_no_obstacle(
        self, world: World, host: Namespace, pod: Namespace
    ) -> None:
        first = host.move(world.add_link("net7").identity.ifindex, pod, "net1", 4321)
        made = world.add_link("net8")
        moved = host.move(made.identity.ifindex, pod, "net2", 4321)
        assert moved.identity.ifindex not in (first.identity.ifindex, 4321)
        assert pod.find("net2") == moved

    def test_a_rename_changes_only_the_name(self, world: World, host: Namespace) -> None:
        made = world.add_link("net7")
        host.rename(made.identity.ifindex, "net8")
        assert host.link(made.identity.ifindex) == replace(made, name="net8")
        assert host.find("net7") is None

    def test_a_rename_to_a_taken_name_is_a_conflict(self, world: World, host: Namespace) -> None:
        made, _ = world.add_link("net7"), world.add_link("net8")
        fails(Code.CONFLICT, lambda: host.rename(made.identity.ifindex, "net8"))

    def test_mtu_and_mac_are_set(self, world: World, host: Namespace) -> None:
        index = world.add_link("net7").identity.ifindex
        host.set_mtu(index, 1400)
        host.set_mac(index, "02:00:00:00:00:09")
        assert (host.link(index).mtu, host.link(index).mac) == (1400, "02:00:00:00:00:09")

    def test_flags_that_people_set_are_seen_and_set_and_no_others(self, world: World, host: Namespace) -> None:
        index = world.add_link("net7").identity.ifindex
        flags = host.link(index).flags
        host.set_up(index, True)
        host.set_flags(index, flags ^ 0x380)  # promiscuous, all multicast, no ARP
        assert host.link(index).flags == flags ^ 0x380
        assert host.link(index).up
        host.set_flags(index, flags)
        assert host.link(index).flags == flags

    def test_an_mtu_out_of_range_fails_in_the_kernels_words(self, world: World, host: Namespace) -> None:
        made = world.add_link("net7")
        failure = fails(Code.KERNEL, lambda: host.set_mtu(made.identity.ifindex, 20))
        assert "mtu" in failure.detail.lower()

    def test_a_link_goes_up_and_down(self, world: World, host: Namespace) -> None:
        index = world.add_link("net7").identity.ifindex
        host.set_up(index, True)
        assert host.link(index).up
        host.set_up(index, False)
        assert not host.link(index).up

    def test_facts_hold_what_was_added_and_nothing_the_kernel_makes_itself(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        facts = host.facts(index)
        assert set(facts.addresses) == {ADDRESS, ADDRESS6}
        assert {_plain(route) for route in facts.routes} == {ROUTE, ROUTE6}
        assert set(host.addresses(index)) == {ADDRESS, ADDRESS6}
        assert facts.link == host.link(index)

    def test_adding_again_is_a_success_and_changes_nothing(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        before = host.facts(index)
        host.add_address(index, ADDRESS)
        host.add_address(index, ADDRESS6)
        host.add_route(index, ROUTE)
        host.add_route(index, ROUTE6)
        assert host.facts(index) == before

    @pytest.mark.parametrize("prefix", ["169.254.7.1/16", "fe80::7/64"])
    def test_a_link_local_address_that_somebody_added_is_a_fact(
        self, world: World, host: Namespace, prefix: str
    ) -> None:
        index = world.add_link("net7").identity.ifindex
        host.add_address(index, Address(prefix=prefix))
        host.set_up(index, True)
        assert [address.prefix for address in host.facts(index).addresses] == [prefix]
        assert [address.prefix for address in host.addresses(index)] == [prefix]

    def test_facts_of_one_link_hold_nothing_of_another(self, world: World, host: Namespace) -> None:
        _configured(world, host)
        other = host.facts(world.add_link("net8").identity.ifindex)
        assert (other.addresses, other.routes) == ((), ())

    def test_facts_put_back_after_going_down_are_the_same_facts(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        before = host.facts(index)
        host.set_up(index, False)
        assert host.facts(index).routes == ()
        for address in before.addresses:
            host.add_address(index, address)
        host.set_up(index, True)
        for route in before.routes:
            host.add_route(index, route)
        after = host.facts(index)
        assert set(after.addresses) == set(before.addresses)
        assert set(after.routes) == set(before.routes)

    def test_another_route_of_the_same_key_is_a_conflict_and_not_taken_for_a_success(
        self, world: World, host: Namespace
    ) -> None:
        index = _configured(world, host)
        other = world.add_link("net8").identity.ifindex
        host.add_address(other, Address(prefix="203.0.113.5/24"))
        host.set_up(other, True)
        rival = replace(ROUTE, gateway="203.0.113.1")
        fails(Code.CONFLICT, lambda: host.add_route(other, rival))
        fails(Code.CONFLICT, lambda: host.add_route(index, replace(ROUTE, gateway="192.0.2.9")))
        assert host.facts(other).routes == ()

    def test_a_gateway_said_to_be_on_link_need_not_be_in_a_known_network(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        route = Route(destination="203.0.113.0/24", gateway="10.99.0.1", onlink=True)
        host.add_route(index, route)
        assert route in {_plain(found) for found in host.facts(index).routes}

    def test_an_unreachable_gateway_fails_in_the_kernels_words(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        lost = Route(destination="203.0.113.0/24", gateway="10.99.0.1")
        failure = fails(Code.KERNEL, lambda: host.add_route(index, lost))
        assert "gateway" in failure.detail

    def test_a_link_route_makes_a_gateway_reachable_in_another_table(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        link_route = Route(destination="10.99.0.1/32", scope=SCOPE_LINK, source="192.0.2.5")
        through = Route(destination="203.0.113.0/24", gateway="10.99.0.1", table=1007)
        host.add_route(index, link_route)
        host.add_route(index, through)
        assert {link_route, through} <= {_plain(route) for route in host.facts(index).routes}

    def test_an_address_is_removed_and_once_more_does_no_harm(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        for _ in range(2):
            host.remove_address(index, ADDRESS)
            assert host.addresses(index) == (ADDRESS6,)
        assert {_plain(route) for route in host.facts(index).routes} == {ROUTE6}
        host.remove_address(index, ADDRESS6)
        assert host.addresses(index) == ()
        fails(Code.NOT_FOUND, lambda: host.remove_address(ABSENT, ADDRESS))

    def test_a_route_is_removed_and_no_other_in_its_place(self, world: World, host: Namespace) -> None:
        index = _configured(world, host)
        host.remove_route(index, replace(ROUTE, gateway="192.0.2.9"))
        host.remove_route(index, replace(ROUTE, metric=78))
        assert {_plain(route) for route in host.facts(index).routes} == {ROUTE, ROUTE6}
        for _ in range(2):
            host.remove_route(index, ROUTE)
            host.remove_route(index, ROUTE6)
        assert host.facts(index).routes == ()

    def test_an_address_for_a_time_is_read_as_any_other_and_gets_another_time(
        self, world: World, host: Namespace
    ) -> None:
        index = world.add_link("net7").identity.ifindex
        soon = time.monotonic() + 100
        for until in (soon, soon + 1000):
            for address in (ADDRESS, ADDRESS6):
                lifetime = Lifetime(preferred_until=until, valid_until=until + 10)
                host.add_address(index, replace(address, lifetime=lifetime))
            host.set_up(index, True)
            assert set(host.addresses(index)) == {ADDRESS, ADDRESS6}
            found = {expiry.prefix: expiry.lifetime for expiry in host.facts(index).expiries}
            assert found.keys() == {ADDRESS.prefix, ADDRESS6.prefix}
            for lifetime in found.values():  # in whole seconds of the kernel's
                assert until - 3 < lifetime.preferred_until < until + 3
                assert until + 7 < lifetime.valid_until < until + 13

    def test_an_address_that_is_for_ever_but_not_preferred_stays_so(self, world: World, host: Namespace) -> None:
        index = world.add_link("net7").identity.ifindex
        for_ever = Lifetime(preferred_until=0.5, valid_until=time.monotonic() + 0xFFFFFFFF)
        host.add_address(index, replace(ADDRESS, lifetime=for_ever))
        host.add_address(index, ADDRESS6)
        [expiry] = host.facts(index).expiries
        assert expiry.prefix == ADDRESS.prefix
        assert expiry.lifetime.preferred_until < time.monotonic() + 1
        assert expiry.lifetime.valid_until > time.monotonic() + 0xF0000000


def _configured(world: World, host: Namespace) -> int:
    index = world.add_link("net7").identity.ifindex
    host.add_address(index, ADDRESS)
    host.add_address(index, ADDRESS6)
    host.set_up(index, True)
    host.add_route(index, ROUTE)
    host.add_route(index, ROUTE6)
    return index


def _plain(route: Route) -> Route:
    return replace(route, protocol=0)
