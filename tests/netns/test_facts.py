"""Addresses and routes on the real kernel, in the forms that hosts have them in."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace

import pytest

from adapters.netlink import sysctls
from adapters.netlink.codec import NLM_F_CREATE, Request, attribute
from adapters.netlink.nsfs import inside
from adapters.netlink.routes import BODY, HOP, RTA_GATEWAY, RTA_MULTIPATH, RTM_NEWROUTE
from ports.devices import SCOPE_LINK, Address, Route, Sysctl
from ports.errors import Code, Failure
from ports.sysctls import KEPT
from tests.netns.world import RealWorld
from tests.support.private_net import add_link, set_master

pytestmark = pytest.mark.netns
RTPROT_KERNEL, RTPROT_RA = 2, 9


@pytest.fixture
def index(real: RealWorld) -> int:
    """A link that is up with an address of each family."""
    made = real.add_link("net7").identity.ifindex
    real.host.add_address(made, Address(prefix="192.0.2.5/24"))
    real.host.add_address(made, Address(prefix="2001:db8::5/64"))
    real.host.set_up(made, True)
    return made


@pytest.mark.parametrize(
    "address",
    [
        Address(prefix="198.51.100.7/24", broadcast="198.51.100.255"),
        Address(prefix="198.51.100.7/24", scope=SCOPE_LINK),
        Address(prefix="198.51.100.7/32"),
        Address(prefix="198.51.100.7/24", metric=100),
        Address(prefix="198.51.100.7/24", no_prefix_route=True),
        Address(prefix="2001:db8:7::7/128"),
        Address(prefix="2001:db8:7::7/64", no_prefix_route=True),
        Address(prefix="2001:db8:7::7/64", metric=77),
    ],
)
def test_an_address_is_read_as_it_was_added(real: RealWorld, index: int, address: Address) -> None:
    real.host.add_address(index, address)
    facts = real.host.facts(index)
    assert address in facts.addresses
    assert facts.routes == ()


@pytest.mark.parametrize(
    "route",
    [
        Route(destination="0.0.0.0/0", gateway="192.0.2.1"),
        Route(destination="::/0", gateway="2001:db8::1", metric=1024),
        Route(destination="::/0", gateway="fe80::1", metric=5),
        Route(destination="203.0.113.0/24", scope=SCOPE_LINK, source="192.0.2.5", metric=9),
        Route(destination="203.0.113.0/24", gateway="10.99.0.1", onlink=True),
        Route(destination="203.0.113.0/24", gateway="192.0.2.1", table=100000),
        Route(destination="203.0.113.0/24", gateway="fe80::1"),
        Route(destination="2001:db8:9::/48", gateway="2001:db8::1", metric=1024, table=77),
        Route(destination="203.0.113.0/24", gateway="192.0.2.1", protocol=16),
    ],
    ids=lambda route: f"{route.destination}-{route.gateway}-{route.table}",
)
def test_a_route_is_read_as_it_was_added(real: RealWorld, index: int, route: Route) -> None:
    real.host.add_route(index, route)
    assert real.host.facts(index).routes == (replace(route, protocol=route.protocol or 4),)
    real.host.add_route(index, route)


def test_another_route_with_the_same_key_is_a_conflict_and_no_success(real: RealWorld, index: int) -> None:
    other = real.add_link("net8").identity.ifindex
    real.host.add_address(other, Address(prefix="198.51.100.5/24"))
    real.host.set_up(other, True)
    real.host.add_route(index, Route(destination="0.0.0.0/0", gateway="192.0.2.1"))
    with pytest.raises(Failure) as caught:
        real.host.add_route(other, Route(destination="0.0.0.0/0", gateway="198.51.100.1"))
    assert caught.value.code is Code.CONFLICT
    assert real.host.facts(other).routes == ()


def test_a_prefix_route_that_the_kernel_was_told_not_to_make_is_a_fact(real: RealWorld, index: int) -> None:
    managed = Address(prefix="198.51.100.7/24", no_prefix_route=True)
    made_by_a_manager = Route(
        destination="198.51.100.0/24", source="198.51.100.7", scope=SCOPE_LINK, metric=100, protocol=RTPROT_KERNEL
    )
    real.host.add_address(index, managed)
    real.host.add_route(index, made_by_a_manager)
    assert real.host.facts(index).routes == (made_by_a_manager,)


def test_a_route_learned_from_a_router_comes_by_itself(real: RealWorld, index: int) -> None:
    real.host.add_route(index, Route(destination="::/0", gateway="fe80::1", protocol=RTPROT_RA))
    assert real.host.facts(index).routes == ()


def test_the_hops_of_a_multipath_route_through_the_link_are_facts(real: RealWorld, index: int) -> None:
    other = real.add_link("net8").identity.ifindex
    real.host.add_address(other, Address(prefix="198.51.100.5/24"))
    real.host.set_up(other, True)
    hops = b"".join(
        HOP.pack(HOP.size + 8, 0, 0, oif) + attribute(RTA_GATEWAY, socket.inet_aton(gateway))
        for oif, gateway in ((index, "192.0.2.1"), (other, "198.51.100.1"))
    )
    body = BODY.pack(socket.AF_INET, 0, 0, 0, 254, 4, 0, 1, 0) + attribute(RTA_MULTIPATH, hops)
    real.host.socket.change(Request(kind=RTM_NEWROUTE, body=body, flags=NLM_F_CREATE), "multipath route")
    (route,) = real.host.facts(index).routes
    assert (route.destination, route.gateway) == ("0.0.0.0/0", "192.0.2.1")
    assert set(real.kernel.uplinks()) == {index, other}


def test_an_ipv6_address_serves_at_once_without_duplicate_detection(real: RealWorld, index: int) -> None:
    def bind() -> str:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
            made.bind(("2001:db8::5", 0))
            return str(made.getsockname()[0])

    assert inside(real.host.descriptor, bind) == "2001:db8::5"


def test_an_address_with_host_bits_only_of_another_link_is_not_reported(real: RealWorld, index: int) -> None:
    other = real.add_link("net8").identity.ifindex
    assert real.host.addresses(other) == ()
    assert {address.prefix for address in real.host.addresses(index)} == {"192.0.2.5/24", "2001:db8::5/64"}


def test_uplinks_are_the_bridge_with_the_default_route_and_its_ports(real: RealWorld, index: int) -> None:
    bridge = add_link(real.host, "br0", "bridge")
    port = real.add_link("net8").identity.ifindex
    set_master(real.host, port, bridge)
    real.host.add_address(bridge, Address(prefix="198.51.100.5/24"))
    real.host.set_up(bridge, True)
    real.host.add_route(bridge, Route(destination="0.0.0.0/0", gateway="198.51.100.1", metric=500))
    assert set(real.kernel.uplinks()) == {bridge, port}


def test_an_uplink_on_a_lower_link_excludes_the_lower_link_and_not_its_other_children(
    real: RealWorld, index: int
) -> None:
    child = add_link(real.host, "mv0", "macvlan", lower=index)
    sibling = add_link(real.host, "mv1", "macvlan", lower=index)
    real.host.add_address(child, Address(prefix="198.51.100.5/24"))
    real.host.set_up(child, True)
    real.host.add_route(child, Route(destination="0.0.0.0/0", gateway="198.51.100.1"))
    assert set(real.kernel.uplinks()) == {index, child}
    assert sibling not in real.kernel.uplinks()


def test_sysctls_in_the_links_message_are_those_in_the_files(real: RealWorld, index: int) -> None:
    for value, name in enumerate(KEPT, start=7):
        try:
            real.host.set_sysctl(index, Sysctl(name=name, value=str(value)))
        except Failure:  # one that knows only yes and no, or that this kernel does not have
            with suppress(Failure):
                real.host.set_sysctl(index, Sysctl(name=name, value="1"))
    files = inside(real.host.descriptor, lambda: sysctls.of_link("net7", KEPT))
    assert {each.name: each.value for each in real.host.sysctls(index, KEPT)} == files
    assert len(files) > 60
    assert len(set(files.values())) > 40


def test_the_sysctls_of_a_fresh_link_are_those_in_the_files(real: RealWorld) -> None:
    made = real.add_link("net8").identity.ifindex
    files = inside(real.host.descriptor, lambda: sysctls.of_link("net8", KEPT))
    assert {each.name: each.value for each in real.host.sysctls(made, KEPT)} == files
