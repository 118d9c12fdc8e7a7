"""Leases in plans: as a layer of configuration when the plan is made, and as changed steps while it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.leasing import all_sought, lost, with_leases
from agent.domain.planning import plan
from agent.domain.renewal import renewed as renewed_plan
from agent.domain.settings import sysctls
from dataplane.shape import check_shape
from ports.devices import Address, LinkFacts, Sysctl
from ports.dhcp import Kept, Lease, LeasedRoute
from ports.errors import Failure
from ports.leased import LOST, is_leased, lasting
from ports.plan import AddAddress, AddRoute, Plan
from tests.domain.values import CLAIM, POD, config, configured, device, facts

HERE = facts()
KEPT = Kept(device="ens1", identity=HERE.link.identity, family=4, mac=HERE.link.mac, lease=None)
VRF: dict[str, Any] = {"interface": {"dhcp": True, "vrf": {"name": "blue", "table": 700}}}
STATIC: dict[str, Any] = {
    "interface": {"dhcp": True, "ipv6": {"dhcp": True}, "mtu": 1400},
    "routes": [{"destination": "10.9.0.0/16", "gateway": "192.0.2.9"}, {"destination": "10.8.0.0/16", "scope": 253}],
    "rules": [{"source": "10.9.0.0/16", "table": 100}],
    "neighbors": [{"destination": "192.0.2.9", "hardwareAddr": "02:00:00:00:00:99"}],
}


def lease(address: str = "192.0.2.100/24", until: float = 2000.0, **more: object) -> Lease:
    values: dict[str, Any] = {
        "family": 6 if ":" in address else 4,
        "address": address,
        "server": "c0000201",
        "server_mac": "02:00:00:00:44:01",
        "renew_at": until - 500,
        "rebind_at": until - 200,
        "preferred_until": until - 100,
        "valid_until": until,
        "routes": (LeasedRoute(destination="0.0.0.0/0", gateway="192.0.2.1"),),
    }
    return Lease(**{**values, **more})


SIX = lease("2001:db8::7/128", routes=())


def planned(parameters: dict[str, Any], *leases: Lease, here: LinkFacts = HERE) -> Plan:
    made = with_leases(configured(**parameters), here, leases)
    return plan(CLAIM, POD, (made,), {"ens1": here})


OTHERS = {
    "the same address for longer": lease(until=9000),
    "another address": lease("192.0.2.200/24"),
    "another network": lease("198.18.0.7/28", routes=(LeasedRoute(destination="0.0.0.0/0", gateway="198.18.0.1"),)),
    "a gateway outside": lease("198.18.0.7/32", routes=(LeasedRoute(destination="0.0.0.0/0", gateway="198.19.0.1"),)),
    "no routes": lease(routes=()),
    "a route on the link": lease(
        routes=(
            LeasedRoute(destination="0.0.0.0/0", gateway="203.0.113.1"),
            LeasedRoute(destination="203.0.113.0/24"),
        )
    ),
    "a route that the claim has": lease(routes=(LeasedRoute(destination="10.9.0.0/16", gateway="192.0.2.1"),)),
}


@pytest.mark.parametrize("parameters", [{"interface": {"dhcp": True}}, VRF], ids=["plain", "vrf"])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_plan_that_was_changed_is_the_one_that_would_be_made_anew(parameters: dict[str, Any], other: Lease) -> None:
    old = planned(parameters, lease())
    kept = replace(KEPT, lease=other, applied=lease())
    assert renewed_plan(old, kept) == planned(parameters, other)
    check_shape(renewed_plan(old, kept))


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_the_claim_says_itself_stays_whatever_is_leased(other: Lease) -> None:
    old = planned(STATIC, lease(), SIX)
    new = renewed_plan(old, replace(KEPT, lease=other, applied=lease()))
    check_shape(new)
    assert lasting(new) == lasting(old)
    assert [step for step in new.devices[0].steps if not is_leased(step)] == [
        step for step in old.devices[0].steps if not is_leased(step)
    ]
    assert {step.address.prefix for step in new.devices[0].steps if isinstance(step, AddAddress)} == {
        other.address,
        SIX.address,
    }


def test_a_lost_lease_leaves_only_a_place_that_a_new_one_takes() -> None:
    old = planned({"interface": {"dhcp": True, "ipv6": {"dhcp": True}}}, lease(), SIX)
    gone = renewed_plan(old, replace(KEPT, lease=lost(lease()), applied=lease()))
    times = {
        step.address.prefix: step.address.lifetime for step in gone.devices[0].steps if isinstance(step, AddAddress)
    }
    assert times[lease().address] == LOST
    assert times[SIX.address] != LOST
    assert not any(isinstance(step, AddRoute) for step in gone.devices[0].steps)
    check_shape(gone)
    found = renewed_plan(gone, replace(KEPT, lease=lease(), applied=lost(lease())))
    assert found == old


def test_other_devices_of_the_claim_are_left_alone() -> None:
    old = planned({"interface": {"dhcp": True}}, lease())
    other = replace(KEPT, device="ens2", lease=lease("192.0.2.9/24"))
    assert renewed_plan(old, other) == old


def test_two_devices_have_default_routes_of_different_metrics_so_that_both_fit_into_the_pod() -> None:
    one = with_leases(configured(interface={"dhcp": True, "name": "net1"}), HERE, (lease(),))
    there = facts("ens2", 4)
    two = configured("ens2", interface={"dhcp": True, "name": "net2"})
    two = with_leases(
        two, there, (lease("198.18.0.7/24", routes=(LeasedRoute(destination="0.0.0.0/0", gateway="198.18.0.1"),)),)
    )
    made = plan(CLAIM, POD, (one, two), {"ens1": HERE, "ens2": there})
    told = [step.route for each in made.devices for step in each.steps if isinstance(step, AddRoute)]
    assert [(route.destination, route.metric) for route in told] == [("0.0.0.0/0", 1027), ("0.0.0.0/0", 1028)]


def test_the_hosts_own_configuration_does_not_go_along_with_a_lease() -> None:
    made = planned({"interface": {"dhcp": True}}, lease())
    addresses = [step.address for step in made.devices[0].steps if isinstance(step, AddAddress)]
    assert [address.prefix for address in addresses] == ["192.0.2.100/24"]


def test_a_gateway_of_the_claim_may_be_in_the_leased_network_and_nowhere_else() -> None:
    route = {"destination": "10.9.0.0/16", "gateway": "192.0.2.9"}
    planned({"interface": {"dhcp": True}, "routes": [route]}, lease())
    with pytest.raises(Failure, match=r"198\.51\.100\.1 is in no network"):
        planned({"interface": {"dhcp": True}, "routes": [{**route, "gateway": "198.51.100.1"}]}, lease())


def test_a_mistake_in_what_the_server_said_names_the_server() -> None:
    bad = lease(routes=(LeasedRoute(destination="0.0.0.0/0", gateway="192.0.2.100"),))
    with pytest.raises(Failure, match="from the DHCP lease"):
        planned({"interface": {"dhcp": True}}, bad)


def test_advertisements_are_heeded_where_ipv6_is_leased() -> None:
    here = replace(HERE, sysctls=(Sysctl(name="ipv6/accept_ra", value="0"), Sysctl(name="ipv6/forwarding", value="0")))
    leased = {each.name: each.value for each in sysctls(config(interface={"ipv6": {"dhcp": True}}), here)}
    plain = {each.name: each.value for each in sysctls(config(interface={"dhcp": True}), here)}
    assert (leased["ipv6/accept_ra"], plain["ipv6/accept_ra"]) == ("1", "0")
    given = sysctls(config(interface={"ipv6": {"dhcp": True, "acceptRa": 2}}), here)
    assert {each.value for each in given if each.name == "ipv6/accept_ra"} == {"2"}


def test_only_ethernet_devices_are_asked_for() -> None:
    wants = configured(interface={"dhcp": True, "ipv6": {"dhcp": True}})
    shown = (device("ens1"),)
    assert [each.family for each in all_sought((wants,), shown, {"ens1": HERE})] == [4, 6]
    ipoib = facts(encapsulation="infiniband")
    assert all_sought((wants,), shown, {"ens1": ipoib}) == ()
    with pytest.raises(Failure, match="needs an Ethernet interface, and this is infiniband"):
        plan(CLAIM, POD, (wants,), {"ens1": ipoib})


def test_the_hosts_addresses_do_not_count_as_leased() -> None:
    made = planned({"interface": {}})
    assert not any(is_leased(step) for step in made.devices[0].steps)
    assert Address(prefix="192.0.2.5/24") in [s.address for s in made.devices[0].steps if isinstance(s, AddAddress)]
