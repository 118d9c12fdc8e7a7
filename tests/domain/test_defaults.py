"""A platform's configuration gives way where it does not fit; nobody else's does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.claims import Allocated, Configured
from agent.domain.configuring import refitted
from agent.domain.defaults import Fitted, fitted, on_this_host
from agent.domain.layers import Layer, Source, lay
from agent.domain.leasing import with_leases
from agent.domain.obstacles import obstacles
from ports.devices import Address, LinkFacts
from ports.netconfig import Mistake, NetworkConfig, config_mistakes, decode
from tests.domain.test_leasing import lease
from tests.domain.values import facts
from tests.ports.test_netconfig import EVERYTHING

AZURE: dict[str, Any] = {
    "rules": [{"source": "10.9.255.0/24", "table": 101}, {"source": "2001:db8::4/128", "table": 101}],
    "routes": [
        {"destination": "0.0.0.0/0", "gateway": "10.9.255.1", "table": 101},
        {"destination": "::/0", "gateway": "fe80::1234:5678:9abc", "table": 101},
    ],
}


def host_with(*addresses: str, max_mtu: int = 9000) -> LinkFacts:
    return replace(facts(max_mtu=max_mtu), addresses=tuple(Address(prefix=prefix) for prefix in addresses), routes=())


def layers(platform: dict[str, Any], claim: dict[str, Any]) -> tuple[Layer, ...]:
    return Layer(source=Source.PROVIDER, config=decode(platform)), Layer(source=Source.CLAIM, config=decode(claim))


def on_host(platform: dict[str, Any], claim: dict[str, Any], *addresses: str) -> Fitted:
    return fitted(layers(platform, claim), on_this_host(host_with(*addresses)))


def test_what_fits_stays_as_it_is() -> None:
    made = on_host(AZURE, {}, "10.9.255.4/24", "2001:db8::4/64")
    assert (made.layered.config, made.notes) == (decode(AZURE), ())


def test_without_ipv6_its_routes_and_rules_are_left_out() -> None:
    made = on_host(AZURE, {}, "10.9.255.4/24")
    assert made.layered.config == decode({"rules": AZURE["rules"][:1], "routes": AZURE["routes"][:1]})
    assert len(made.notes) == 2


def test_a_way_out_through_a_network_that_the_pod_is_not_in_is_left_out() -> None:
    made = on_host(AZURE, {"interface": {"addresses": ["192.0.2.5/24"]}}, "10.9.255.4/24")
    assert made.layered.config.routes is None
    assert (
        "the platform's routes[0].gateway is left out: 10.9.255.1 is in no network of this interface" in made.notes[0]
    )


def test_a_vrf_has_no_rules_and_its_routes_are_in_its_table() -> None:
    vrf = {"interface": {"vrf": {"name": "blue"}}}
    made = fitted(layers(AZURE, vrf), config_mistakes)
    assert made.layered.config.rules is None
    again = fitted(made.layers, on_this_host(host_with("10.9.255.4/24", "2001:db8::4/64")))
    assert again.layered.config == decode(vrf)


def test_a_size_that_the_device_cannot_have_is_left_out_but_a_claims_is_a_mistake() -> None:
    big = {"interface": {"mtu": 9001}}
    host = host_with(max_mtu=9000)
    assert fitted(layers(big, {}), on_this_host(host)).layered.config == NetworkConfig()
    made = fitted(layers(big, big), on_this_host(host))
    assert [mistake.path for mistake in obstacles(made.layered.config, host, frozenset())] == ["interface.mtu"]


def test_a_part_that_needs_its_name_goes_as_a_whole() -> None:
    platform = {"interface": {"vrf": {"name": "blue", "table": 7}, "mtu": 1400}}
    made = fitted(layers(platform, {"rules": [{"source": "10.0.0.0/8"}]}), _no_vrf)
    assert made.layered.config == decode({"interface": {"mtu": 1400}, "rules": [{"source": "10.0.0.0/8"}]})


def _no_vrf(config: NetworkConfig) -> Any:
    return [Mistake("interface.vrf.name", "none here")] if config.interface.vrf else []


def test_a_device_configured_without_a_platform_is_left_alone() -> None:
    allocated = Allocated(request="r", pool="node1", device="ens1")
    device = Configured(allocated=allocated, config=NetworkConfig())
    assert refitted(device, _everything_is_wrong) is device


def _everything_is_wrong(config: NetworkConfig) -> Any:
    raise AssertionError("nothing has to be checked")


def test_leases_stay_with_a_device_whose_platform_gives_way() -> None:
    """A platform's routes through the host's network, and a claim that gets an address of another one by DHCP."""
    host = host_with("10.9.255.4/24")
    allocated = Allocated(request="r", pool="node1", device="ens1")
    both = layers(AZURE, {"interface": {"dhcp": True}})
    leased = with_leases(Configured(allocated=allocated, config=lay(both).config, layers=both), host, (lease(),))
    made = refitted(leased, on_this_host(host))
    assert made.leases == leased.leases != ()
    assert made.config.interface.addresses == ("192.0.2.100/24",)
    assert [route.destination for route in made.config.routes or ()] == ["0.0.0.0/0"], "the lease's, in main"
    assert 101 not in [route.table for route in made.config.routes or ()]
    assert made.notes


PARTS = st.sampled_from(sorted(EVERYTHING.keys() - {"profile"}))


@settings(max_examples=60)
@given(st.sets(PARTS), st.sets(PARTS), st.sampled_from(["10.9.255.4/24", "2001:db8::4/64", "192.168.10.5/24"]))
def test_what_a_platform_says_never_makes_a_claim_fail(platform: set[str], claim: set[str], address: str) -> None:
    """Whatever is wrong with both together is wrong with the claim alone."""
    below = {key: EVERYTHING[key] for key in platform}
    own = {key: EVERYTHING[key] for key in claim}
    host = host_with(address)
    first = fitted(layers(below, own), config_mistakes)
    made = fitted(first.layers, on_this_host(host))
    alone = lay(layers({}, own)).config
    wrong = {mistake.path for mistake in obstacles(made.layered.config, host, frozenset())}
    assert list(config_mistakes(made.layered.config)) == list(config_mistakes(alone))
    assert bool(wrong) <= bool({mistake.path for mistake in obstacles(alone, host, frozenset())})


def test_addresses_that_break_a_claims_routes_are_left_out_with_all_the_rest() -> None:
    """The mistake is in the claim's route, and nobody made one but the platform."""
    claim = {"routes": [{"destination": "10.1.0.0/16", "gateway": "10.9.255.7"}]}
    platform = {"interface": {"addresses": ["192.0.2.5/24"], "mtu": 1400}}
    made = on_host(platform, claim, "10.9.255.4/24")
    assert made.layered.config == decode(claim)
    assert "10.9.255.7 is in no network of this interface" in made.notes[0]


@pytest.mark.parametrize("claim", [{}, {"interface": {"mtu": 1400}}])
def test_nothing_is_made_of_nothing(claim: dict[str, Any]) -> None:
    made = fitted(layers({}, claim), config_mistakes)
    assert (made.layered.config, made.notes) == (decode(claim), ())
