"""Plans: the right steps in the right order, everything needed to undo them, and every mistake found early."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.claims import Allocated, Configured
from agent.domain.planning import left_behind, plan, temporary_name
from agent.domain.routing import addresses_for
from dataplane.shape import ORDER
from ports.devices import Address, Link, LinkFacts, Route
from ports.errors import Code, Failure
from ports.netconfig import InterfaceConfig, NetworkConfig, RouteConfig
from ports.plan import (
    AddAddress,
    AddRoute,
    Announce,
    ClaimRef,
    Move,
    Plan,
    Release,
    Rename,
    SetMac,
    SetMtu,
    SetUp,
    Step,
)
from tests.domain.values import CLAIM, POD, configured, facts

KINDS = [kind.__dataclass_fields__["kind"].default for kind in ORDER]


def steps(host: LinkFacts | None = None, **parameters: Any) -> tuple[Step, ...]:
    made = plan(CLAIM, POD, (configured(**parameters),), {"ens1": host or facts()})
    return made.devices[0].steps


def mistakes(host: LinkFacts | None = None, **parameters: Any) -> str:
    with pytest.raises(Failure) as caught:
        steps(host, **parameters)
    assert caught.value.code is Code.INVALID
    assert str(CLAIM) in str(caught.value)
    return caught.value.detail


def routes(made: tuple[Step, ...]) -> list[str]:
    return [step.route.destination for step in made if isinstance(step, AddRoute)]


def addresses(made: tuple[Step, ...]) -> list[str]:
    return [step.address.prefix for step in made if isinstance(step, AddAddress)]


def test_without_parameters_the_interface_goes_as_it_is() -> None:
    assert steps() == (
        Release(),
        Move(temporary_name=temporary_name(CLAIM.uid, "ens1")),
        Rename(name="ens1"),
        AddAddress(address=Address(prefix="192.0.2.5/24")),
        AddAddress(address=Address(prefix="2001:db8::5/64")),
        SetUp(),
        AddRoute(route=Route(destination="203.0.113.7/32", scope=253, protocol=4)),
        AddRoute(route=Route(destination="198.51.100.0/24", gateway="192.0.2.1", protocol=4)),
        Announce(),
    )


def test_every_parameter_becomes_a_step_that_knows_what_was_before() -> None:
    made = steps(
        interface={"name": "net1", "addresses": ["10.0.0.5/24"], "mtu": 9000, "hardwareAddr": "02-00-5E-10-00-01"},
        routes=[{"destination": "10.1.0.0/16", "gateway": "10.0.0.1", "source": "10.0.0.5", "table": 100}],
    )
    assert made == (
        Release(),
        Move(temporary_name=temporary_name(CLAIM.uid, "ens1")),
        SetMtu(mtu=9000, before=1500),
        SetMac(mac="02:00:5e:10:00:01", before="02:00:00:00:00:03"),
        Rename(name="net1"),
        AddAddress(address=Address(prefix="10.0.0.5/24")),
        SetUp(),
        AddRoute(route=Route(destination="10.1.0.0/16", gateway="10.0.0.1", source="10.0.0.5", table=100)),
        Announce(),
    )


def test_the_plan_names_everything_the_dataplane_and_the_status_need() -> None:
    allocated = Allocated(request="nic/fast", pool="node1", device="ens1", share_id="share")
    made = plan(CLAIM, POD, (Configured(allocated=allocated, config=NetworkConfig()),), {"ens1": facts()}, (), "trace")
    (device,) = made.devices
    assert (made.claim, made.pod, made.traceparent) == (CLAIM, POD, "trace")
    assert (device.request, device.pool, device.device, device.share_id) == ("nic/fast", "node1", "ens1", "share")
    assert device.before == facts()


def test_what_is_so_already_is_no_step() -> None:
    made = steps(interface={"mtu": 1500, "hardwareAddr": "02:00:00:00:00:03"})
    assert not [step for step in made if isinstance(step, SetMtu | SetMac)]


def test_host_routes_stay_behind_when_the_claim_gives_addresses() -> None:
    assert routes(steps(interface={"addresses": ["10.0.0.5/24"]})) == []
    assert routes(steps(interface={"addresses": []})) == []
    assert addresses(steps(interface={"addresses": []})) == []


def test_the_claims_route_wins_over_the_hosts_to_the_same_place() -> None:
    made = steps(routes=[{"destination": "198.51.100.9/24", "gateway": "192.0.2.2"}])
    gateways = [step.route.gateway for step in made if isinstance(step, AddRoute)]
    assert routes(made) == ["203.0.113.7/32", "198.51.100.0/24"]
    assert gateways == [None, "192.0.2.2"]


def test_on_link_routes_come_before_those_through_a_gateway() -> None:
    made = steps(
        interface={"addresses": ["10.0.0.5/32"]},
        routes=[
            {"destination": "0.0.0.0/0", "gateway": "10.0.0.1"},
            {"destination": "10.0.0.1/32", "scope": 253},
        ],
    )
    assert routes(made) == ["10.0.0.1/32", "0.0.0.0/0"]


def test_what_the_host_loses_for_good_is_told_before_it_is_taken() -> None:
    host = replace(facts(), unkept=("filters of block 7", "route to 10.9.0.0/16 (by source)"))
    told = left_behind((configured(),), {"ens1": host})
    assert told == (
        "device ens1: the host loses its filters of block 7: it cannot be given back",
        "device ens1: the host loses its route to 10.9.0.0/16 (by source): it cannot be given back",
    )


def test_what_comes_by_itself_is_not_copied() -> None:
    host = LinkFacts(
        link=facts().link,
        addresses=(Address(prefix="192.0.2.7/32", scope=254), Address(prefix="192.0.2.5/24")),
        routes=(
            Route(destination="192.0.2.0/24", protocol=2, scope=253),
            Route(destination="fe80::/64", protocol=3),
            Route(destination="192.0.2.5/32", table=255, protocol=3),
            Route(destination="192.0.2.6/32", scope=254, protocol=3),
        ),
    )
    made = steps(host)
    assert (addresses(made), routes(made)) == (["192.0.2.5/24"], [])


def test_table_zero_is_the_main_table_and_ipv6_has_no_scopes() -> None:
    made = steps(routes=[{"destination": "2001:db8:1::/48", "scope": 253, "table": 0}])
    assert AddRoute(route=Route(destination="2001:db8:1::/48")) in made


def test_texts_are_brought_into_their_canonical_form() -> None:
    made = steps(
        interface={"addresses": ["2001:DB8:0::5/64"]},
        routes=[{"destination": "2001:db8:0:1::7/64", "gateway": "2001:DB8::1"}],
    )
    assert addresses(made) == ["2001:db8::5/64"]
    assert AddRoute(route=Route(destination="2001:db8:0:1::/64", gateway="2001:db8::1")) in made


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"interface": {"mtu": 9001}}, "above 9000"),
        ({"interface": {"mtu": 1279}}, "below 1280, the least for the IPv6 addresses"),
        ({"interface": {"hardwareAddr": "01:00:5e:00:00:01"}}, "multicast"),
        ({"interface": {"hardwareAddr": "00:00:00:00:00:00"}}, "no address"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "10.0.0.1"}]}, "routes[0].gateway: 10.0.0.1"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "source": "10.0.0.1"}]}, "routes[0].source: 10.0.0.1"),
    ],
)
def test_what_the_kernel_would_refuse_is_found_when_planning(parameters: dict[str, Any], words: str) -> None:
    assert words in mistakes(**parameters)


@pytest.mark.parametrize(
    ("link", "parameters", "words"),
    [
        ({"min_mtu": 1000}, {"interface": {"mtu": 999, "addresses": []}}, "below 1000"),
        ({"loopback": True}, {}, "loopback"),
        ({"master": 7}, {}, "a port of the host's interface #7"),
        ({"name": "eth0"}, {}, "set interface.name"),
    ],
)
def test_what_the_device_cannot_do_is_found_when_planning(
    link: dict[str, Any], parameters: dict[str, Any], words: str
) -> None:
    assert words in mistakes(facts(**link), **parameters)


def test_a_device_that_tells_no_limits_has_those_of_the_kernel() -> None:
    host = facts(min_mtu=0, max_mtu=0)
    assert SetMtu(mtu=65000, before=1500) in steps(host, interface={"mtu": 65000})
    assert "above 65536" in mistakes(host, interface={"mtu": 65537})


def test_what_the_host_says_of_addresses_and_routes_goes_along() -> None:
    address = Address(prefix="192.0.2.5/32", broadcast="192.0.2.5", no_prefix_route=True)
    route = Route(destination="0.0.0.0/0", gateway="198.51.100.1", onlink=True, metric=100)
    made = steps(LinkFacts(link=facts().link, addresses=(address,), routes=(route,)))
    assert AddAddress(address=address) in made
    assert AddRoute(route=route) in made


def test_a_host_name_that_the_pod_cannot_have_is_fine_with_another_name() -> None:
    assert Rename(name="net0") in steps(facts(name="eth0"), interface={"name": "net0"})


@pytest.mark.parametrize("gateway", ["fe80::1", "2001:db8::1"])
def test_a_gateway_on_the_link_is_reachable(gateway: str) -> None:
    assert "::/0" in routes(steps(routes=[{"destination": "::/0", "gateway": gateway}]))


def test_a_source_may_be_another_interface_of_the_claim() -> None:
    devices = (
        configured("ens1", interface={"name": "a", "addresses": ["10.0.0.5/24"]}),
        configured(
            "ens2",
            interface={"name": "b", "addresses": []},
            routes=[{"destination": "10.9.0.0/16", "scope": 253, "source": "10.0.0.5"}],
        ),
    )
    made = plan(CLAIM, POD, devices, {"ens1": facts(), "ens2": facts("ens2", 4)})
    assert len(made.devices) == 2


def test_all_mistakes_of_all_devices_are_told_at_once() -> None:
    devices = (
        configured("ens1", interface={"name": "net1", "mtu": 9001}),
        configured("ens2", interface={"name": "net1", "hardwareAddr": "01:00:5e:00:00:01"}),
    )
    other = ClaimRef(namespace="team", name="other", uid="other")
    taken = plan(other, POD, (configured("ens3", interface={"name": "net1"}),), {"ens3": facts("ens3", 5)})
    with pytest.raises(Failure) as caught:
        plan(CLAIM, POD, devices, {"ens1": facts(), "ens2": facts("ens2", 4)}, (taken,))
    text = str(caught.value)
    assert "device ens1: interface.mtu" in text
    assert "device ens2: interface.hardwareAddr" in text
    assert "the name net1 would be used by device ens1 and device ens2 and claim team/other of this pod" in text


def test_temporary_names_are_short_and_different() -> None:
    names = {temporary_name(claim, device) for claim in ("a", "b") for device in ("ens1", "ens2")}
    assert len(names) == 4
    assert all(name.startswith("knd") and len(name.encode()) == 15 for name in names)


PREFIXES = st.sampled_from(["10.0.0.5/24", "10.0.1.5/16", "2001:db8::5/64", "192.0.2.7/32"])
HOSTS = st.builds(
    LinkFacts,
    link=st.builds(
        Link,
        identity=st.just(facts().link.identity),
        name=st.sampled_from(["ens1", "enp59s0f1", "eth0"]),
        mac=st.just("02:00:00:00:00:03"),
        mtu=st.integers(1280, 9000),
        up=st.booleans(),
        max_mtu=st.sampled_from([0, 9000]),
    ),
    addresses=st.lists(st.builds(Address, prefix=PREFIXES), max_size=3).map(tuple),
    routes=st.lists(
        st.builds(
            Route,
            destination=st.sampled_from(["10.8.0.0/16", "0.0.0.0/0", "2001:db8:9::/48"]),
            gateway=st.none(),
            table=st.sampled_from([254, 255, 100]),
            protocol=st.sampled_from([2, 4]),
        ),
        max_size=3,
    ).map(tuple),
)
CONFIGS = st.builds(
    NetworkConfig,
    interface=st.builds(
        InterfaceConfig,
        name=st.none() | st.just("net1"),
        addresses=st.none() | st.lists(PREFIXES, max_size=3).map(tuple),
        mtu=st.none() | st.integers(68, 9500),
        hardwareAddr=st.none() | st.sampled_from(["02:00:00:00:00:03", "02:00:5e:10:00:01"]),
    ),
    routes=st.none()
    | st.lists(
        st.builds(
            RouteConfig,
            destination=st.sampled_from(["10.8.0.0/16", "10.9.0.0/16"]),
            gateway=st.none() | st.just("10.0.0.1"),
            scope=st.just(253),
        ),
        max_size=3,
    ).map(tuple),
)


def attempt(config: NetworkConfig, host: LinkFacts) -> Plan | None:
    allocated = Allocated(request="r", pool="node1", device="ens1")
    try:
        return plan(CLAIM, POD, (Configured(allocated=allocated, config=config),), {"ens1": host})
    except Failure as failure:
        assert failure.code is Code.INVALID
        return None


@given(CONFIGS, HOSTS)
def test_planning_changes_nothing_and_is_repeatable(config: NetworkConfig, host: LinkFacts) -> None:
    before = copy.deepcopy((config, host))
    made = attempt(config, host)
    assert (config, host) == before
    assert attempt(config, host) == made


@given(CONFIGS, HOSTS)
def test_every_plan_can_be_undone_and_is_in_order(config: NetworkConfig, host: LinkFacts) -> None:
    made = attempt(config, host)
    if made is None:
        return
    (device,) = made.devices
    assert device.before == host
    order = [KINDS.index(step.kind) for step in device.steps]
    assert order == sorted(order)
    assert [step.kind for step in device.steps if step.kind in ("release", "move", "rename", "set-up")] == [
        "release",
        "move",
        "rename",
        "set-up",
    ]
    for step in device.steps:
        if isinstance(step, SetMtu):
            assert step.before == host.link.mtu != step.mtu
        if isinstance(step, SetMac):
            assert step.before == host.link.mac != step.mac
    assert addresses(device.steps) == [address.prefix for address in addresses_for(config, host)]
    assert len(set(device.steps)) == len(device.steps)
