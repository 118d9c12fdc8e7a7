"""What the node needs, as the real kernel would send its packets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.routing import RTPROT_RA
from ports.devices import Address, Route, Rule
from tests.netns.world import RealWorld
from tests.support.eventually import eventually
from tests.support.private_net import add_link, set_master

pytestmark = pytest.mark.netns
NODE, NODE6, API_SERVER, STORAGE6 = "198.51.100.5", "2001:db8:5::5", "203.0.113.7", "2001:db8:7::7"


@pytest.fixture
def kernel(real: RealWorld) -> Iterator[NetlinkKernel]:
    """The host, with addresses that it needs."""
    made = NetlinkKernel(host=real.host_path(), needed=(NODE, NODE6, API_SERVER, STORAGE6))
    yield made
    made.close()


@pytest.fixture
def index(real: RealWorld) -> int:
    return _link(real, "net7", "192.0.2.5/24", "2001:db8::5/64")


def _link(real: RealWorld, name: str, *prefixes: str) -> int:
    index = real.add_link(name).identity.ifindex
    for prefix in prefixes:
        real.host.add_address(index, Address(prefix=prefix))
    real.host.set_up(index, True)
    return index


@pytest.mark.parametrize("prefix", [f"{NODE}/24", f"{NODE6}/64"])
def test_the_link_with_an_address_of_the_node_is_needed_without_any_route(
    real: RealWorld, kernel: NetlinkKernel, prefix: str
) -> None:
    index = _link(real, "net8", prefix)
    address = prefix.partition("/")[0]
    assert kernel.uplinks().keys() == {index}
    eventually(
        lambda: kernel.why_needed(index) == f"has the node's address {address}", seconds=30
    )  # IPv6 takes a moment
    assert kernel.uplinks() == {index: f"has the node's address {address}"}


@pytest.mark.parametrize(
    "route",
    [
        Route(destination="203.0.113.0/24", gateway="192.0.2.1"),
        Route(destination="2001:db8:7::/48", gateway="2001:db8::1"),
    ],
    ids=["IPv4", "IPv6"],
)
def test_the_link_that_leads_to_a_needed_address_is_needed(
    real: RealWorld, kernel: NetlinkKernel, index: int, route: Route
) -> None:
    assert kernel.uplinks() == {}
    real.host.add_route(index, route)
    assert kernel.uplinks().keys() == {index}
    assert "which the node needs" in kernel.why_needed(index)


def test_the_way_to_a_needed_address_is_the_one_that_rules_lead_to(
    real: RealWorld, kernel: NetlinkKernel, index: int
) -> None:
    other = _link(real, "net8", "198.18.0.5/24")
    real.host.add_route(index, Route(destination="203.0.113.0/24", gateway="192.0.2.1"))
    real.host.add_route(other, Route(destination="203.0.113.0/24", gateway="198.18.0.1", table=77))
    assert kernel.uplinks().keys() == {index}
    real.host.add_rule(Rule(family=4, priority=100, table=77, destination="203.0.113.0/24"))
    assert kernel.uplinks().keys() == {other}
    assert (kernel.why_needed(index), bool(kernel.why_needed(other))) == ("", True)


def test_a_route_that_says_no_is_no_way(real: RealWorld, kernel: NetlinkKernel, index: int) -> None:
    real.host.add_route(index, Route(destination="203.0.113.0/24", type=7))
    assert kernel.uplinks() == {}


def test_a_link_below_the_way_out_is_needed_at_once(real: RealWorld, kernel: NetlinkKernel, index: int) -> None:
    child = add_link(real.host, "mv0", "macvlan", lower=index)
    assert kernel.why_needed(index) == ""
    real.host.add_address(child, Address(prefix="198.18.0.5/24"))
    real.host.set_up(child, True)
    real.host.add_route(child, Route(destination="0.0.0.0/0", gateway="198.18.0.1"))
    assert kernel.why_needed(index).startswith(f"is below interface #{child}, which leads to ")
    assert kernel.uplinks().keys() == {index, child}


def test_a_bridge_with_the_nodes_address_needs_its_ports(real: RealWorld, kernel: NetlinkKernel) -> None:
    bridge = add_link(real.host, "br0", "bridge")
    ports = {_link(real, name) for name in ("net8", "net9")}
    for port in ports:
        set_master(real.host, port, bridge)
    _link(real, "net10")
    real.host.add_address(bridge, Address(prefix=f"{NODE}/24"))
    real.host.set_up(bridge, True)
    assert kernel.uplinks().keys() == {bridge, *ports}
    assert all(kernel.why_needed(port) for port in ports)


def test_a_router_that_advertises_itself_in_a_family_that_the_node_does_not_need_is_none_of_its(
    real: RealWorld, index: int
) -> None:
    real.host.add_route(index, Route(destination="::/0", gateway="2001:db8::1", protocol=RTPROT_RA))
    for needed, expected in (((NODE,), set()), ((NODE, NODE6), {index}), ((), {index})):
        kernel = NetlinkKernel(host=real.host_path(), needed=needed)
        assert kernel.uplinks().keys() == expected
        assert bool(kernel.why_needed(index)) == bool(expected)
        kernel.close()


def test_asking_before_a_move_takes_no_dump_of_routes_or_of_all_links(
    real: RealWorld, kernel: NetlinkKernel, index: int
) -> None:
    real.host.add_route(index, Route(destination="0.0.0.0/0", gateway="192.0.2.1"))
    kernel.host.socket.sent.clear()
    assert kernel.why_needed(index)
    assert sum(kernel.host.socket.sent.values()) < 20
    dumps = {kind for (kind, dumped) in kernel.host.socket.sent if dumped}
    assert dumps <= {18}  # RTM_GETLINK, of the ports of one link
