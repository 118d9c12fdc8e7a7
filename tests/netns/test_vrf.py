"""VRFs, which the development kernel may lack: in the emulated machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.nsfs import inside
from ports.devices import Address, Route
from ports.errors import Code, Failure
from tests.netns.world import RealWorld
from tests.support.private_net import add_link

pytestmark = pytest.mark.vm
ADDRESS, ADDRESS6 = Address(prefix="192.0.2.5/24"), Address(prefix="2001:db8::5/64")


@pytest.fixture
def pod(real: RealWorld) -> Iterator[NetlinkNamespace]:
    """A pod's namespace, open."""
    namespace = real.kernel.open(real.add_namespace())
    yield namespace
    namespace.close()


@pytest.fixture
def index(real: RealWorld, pod: NetlinkNamespace) -> int:
    """A link of the pod, down."""
    return real.host.move(real.add_link("net7").identity.ifindex, pod, "net1").identity.ifindex


def test_a_missing_vrf_is_made_and_goes_up_and_the_link_is_its_port(pod: NetlinkNamespace, index: int) -> None:
    pod.join_vrf(index, "blue", 1541)
    made = pod.find("blue")
    assert made is not None
    assert (made.identity.link_kind, made.up) == ("vrf", True)
    assert pod.link(index).master == made.identity.ifindex


def test_joining_again_and_with_a_second_link_is_a_success(real: RealWorld, pod: NetlinkNamespace, index: int) -> None:
    second = real.host.move(real.add_link("net8").identity.ifindex, pod, "net2").identity.ifindex
    for each in (index, index, second):
        pod.join_vrf(each, "blue", 1541)
    assert pod.link(index).master == pod.link(second).master is not None


def test_addresses_of_both_families_added_after_it_survive_and_their_routes_are_in_its_table(
    pod: NetlinkNamespace, index: int
) -> None:
    pod.join_vrf(index, "blue", 1541)
    pod.add_address(index, ADDRESS)
    pod.add_address(index, ADDRESS6)
    pod.set_up(index, True)
    routes = (
        Route(destination="198.51.100.0/24", gateway="192.0.2.1", table=1541, protocol=16),
        Route(destination="2001:db8:7::/48", gateway="2001:db8::1", table=1541, metric=9, protocol=16),
    )
    for route in routes:
        pod.add_route(index, route)
    facts = pod.facts(index)
    assert set(facts.addresses) == {ADDRESS, ADDRESS6}
    assert set(facts.routes) == set(routes)
    assert facts.rules == ()


def test_a_socket_of_the_pod_serves_its_vrf(real: RealWorld, pod: NetlinkNamespace, index: int) -> None:
    pod.join_vrf(index, "blue", 1541)
    pod.add_address(index, ADDRESS)
    pod.set_up(index, True)
    there = real.wire.find("net7")
    assert there is not None
    real.wire.add_address(there.identity.ifindex, Address(prefix="192.0.2.9/24"))

    def listen() -> socket.socket:
        return socket.create_server(("0.0.0.0", 7777))

    with inside(pod.fileno(), listen) as server:
        server.settimeout(30)
        with inside(real.wire.descriptor, lambda: socket.create_connection(("192.0.2.5", 7777), timeout=30)):
            accepted, (peer, _port) = server.accept()
            accepted.close()
    assert peer == "192.0.2.9"


@pytest.mark.parametrize("kind", ["bridge", "vrf"])
def test_a_link_of_that_name_that_is_something_else_is_a_conflict(
    real: RealWorld, pod: NetlinkNamespace, kind: str
) -> None:
    index = real.host.move(real.add_link("net7").identity.ifindex, pod, "net1").identity.ifindex
    if kind == "vrf":
        other = real.host.move(real.add_link("net8").identity.ifindex, pod, "net2").identity.ifindex
        pod.join_vrf(other, "blue", 1542)
    else:
        add_link(pod, "blue", kind)
    with pytest.raises(Failure) as caught:
        pod.join_vrf(index, "blue", 1541)
    assert caught.value.code is Code.CONFLICT
    assert pod.link(index).master is None


def test_links_in_two_vrfs_have_two_masters(real: RealWorld, pod: NetlinkNamespace, index: int) -> None:
    second = real.host.move(real.add_link("net8").identity.ifindex, pod, "net2").identity.ifindex
    pod.join_vrf(index, "blue", 1541)
    pod.join_vrf(second, "red", 1596)
    assert pod.link(index).master != pod.link(second).master


def test_a_link_leaves_its_vrf(pod: NetlinkNamespace, index: int) -> None:
    pod.join_vrf(index, "blue", 1541)
    pod.leave_master(index)
    assert pod.link(index).master is None
    assert pod.find("blue") is not None


def test_a_port_taken_home_is_no_port_any_more(real: RealWorld, pod: NetlinkNamespace, index: int) -> None:
    pod.join_vrf(index, "blue", 1541)
    back = pod.move(index, real.host, "net7")
    assert back.master is None


def test_joining_leaves_no_descriptor_open(pod: NetlinkNamespace, index: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        pod.join_vrf(index, "blue", 1541)
        pod.leave_master(index)
        with pytest.raises(Failure):
            pod.join_vrf(index, "blue", 7)
    assert len(os.listdir("/proc/self/fd")) == before
