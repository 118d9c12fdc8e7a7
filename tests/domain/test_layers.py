"""Layers over one another: what is set wins, lists are gathered by key, nothing that goes in is changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.layers import Layer, Layered, Provenance, Source, lay
from ports.netconfig import Mistake, NetworkConfig, VrfConfig, decode

MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


SOURCES = [source for source in Source if source is not Source.LEASE]  # a lease only says what nobody else does


def layer(source: Source, **parameters: Any) -> Layer:
    return Layer(source=source, config=decode(parameters))


def laid(*parameters: dict[str, Any]) -> NetworkConfig:
    """The configuration of layers of one source, in order."""
    return lay(layer(Source.CLAIM, **each) for each in parameters).config


def test_nothing_is_nothing() -> None:
    assert lay(()) == Layered()


def test_the_order_is_provider_profile_class_claim_whatever_the_order_given() -> None:
    layers = [layer(source, interface={"mtu": 1000 + rank}) for rank, source in enumerate(SOURCES)]
    for order in (layers, layers[::-1]):
        assert lay(order).config.interface.mtu == 1003
    assert lay(layers[:2]).config.interface.mtu == 1001


def test_a_value_wins_also_when_it_is_false_or_zero() -> None:
    base = {"interface": {"forwarding": True, "arpIgnore": 2, "disableEbpfPrograms": True, "name": "net1"}}
    over = {"interface": {"forwarding": False, "arpIgnore": 0, "disableEbpfPrograms": False, "name": ""}}
    assert laid(base, over) == decode(over)


def test_what_is_not_set_stays() -> None:
    base = {"interface": {"mtu": 9000, "ipv6": {"dad": True}}, "ethtool": {"features": {"tso": False}}}
    merged = laid(base, {"interface": {"arpIgnore": 1, "ipv6": {"acceptRa": 2}}})
    assert (merged.interface.mtu, merged.interface.arpIgnore) == (9000, 1)
    assert (merged.interface.ipv6.dad, merged.interface.ipv6.acceptRa) == (True, 2)
    assert merged.ethtool.features == {"tso": False}


def test_a_class_and_a_claim_each_give_a_limit_of_rdma() -> None:
    layers = (
        layer(Source.CLASS, rdma={"maxHandles": 64, "maxObjects": 10000}),
        layer(Source.CLAIM, rdma={"maxObjects": 2000}),
    )
    made = lay(layers)
    assert made.config == decode({"rdma": {"maxHandles": 64, "maxObjects": 2000}})
    assert (made.provenance.of("rdma.maxHandles"), made.provenance.of("rdma.maxObjects")) == (
        Source.CLASS,
        Source.CLAIM,
    )


def test_addresses_are_gathered_and_one_of_the_same_ip_is_replaced() -> None:
    base = {"interface": {"addresses": ["10.0.0.1/24", "10.0.0.2/24"]}}
    over = {"interface": {"addresses": ["10.0.0.3/24", "10.0.0.1/32"]}}
    assert laid(base, over).interface.addresses == ("10.0.0.2/24", "10.0.0.3/24", "10.0.0.1/32")


def test_an_empty_list_drops_what_came_before_and_a_later_one_starts_anew() -> None:
    base: dict[str, Any] = {"interface": {"addresses": ["10.0.0.1/24"]}}
    empty: dict[str, Any] = {"interface": {"addresses": []}}
    assert laid(base, empty).interface.addresses == ()
    assert laid(base, empty, {"interface": {"addresses": ["10.0.0.9/24"]}}).interface.addresses == ("10.0.0.9/24",)


def test_a_route_wins_over_those_of_the_same_destination_and_table() -> None:
    base = {
        "routes": [
            {"destination": "10.8.0.0/16", "gateway": "10.0.0.1", "metric": 5},
            {"destination": "10.8.0.0/16", "gateway": "10.0.0.1", "metric": 6},
            {"destination": "10.8.0.0/16", "gateway": "10.0.0.1", "table": 100},
            {"destination": "10.9.0.0/16", "gateway": "10.0.0.1"},
        ]
    }
    merged = laid(base, {"routes": [{"destination": "10.8.0.7/16", "gateway": "10.0.0.2", "table": 254}]})
    assert [(route.destination, route.table, route.gateway) for route in merged.routes or ()] == [
        ("10.8.0.0/16", 100, "10.0.0.1"),
        ("10.9.0.0/16", None, "10.0.0.1"),
        ("10.8.0.7/16", 254, "10.0.0.2"),
    ]


def test_neighbours_are_one_a_destination_and_rules_one_each() -> None:
    base = {
        "neighbors": [
            {"destination": "fd00::1", "hardwareAddr": MAC},
            {"destination": "10.0.0.1", "hardwareAddr": MAC},
        ],
        "rules": [{"priority": 1}, {"priority": 2}],
    }
    over = {
        "neighbors": [{"destination": "fd00:0::1", "hardwareAddr": OTHER_MAC}],
        "rules": [{"priority": 2}, {"priority": 2, "table": 7}],
    }
    merged = laid(base, over)
    assert [each.hardwareAddr for each in merged.neighbors or ()] == [MAC, OTHER_MAC]
    assert [(each.priority, each.table) for each in merged.rules or ()] == [(1, None), (2, None), (2, 7)]


def test_maps_are_merged_name_by_name_and_an_empty_one_drops_all() -> None:
    base = {"ethtool": {"privateFlags": {"a": True, "b": True}}, "interface": {"sysctls": {"ipv4/rp_filter": 1}}}
    over = {"ethtool": {"privateFlags": {"b": False}}, "interface": {"sysctls": {}}}
    merged = laid(base, over)
    assert merged.ethtool.privateFlags == {"a": True, "b": False}
    assert merged.interface.sysctls == {}


def test_a_later_alias_replaces_the_features_that_it_stands_for() -> None:
    base = {"ethtool": {"features": {"tx-tcp-segmentation": False, "tcp-segmentation-offload": False, "rx-gro": False}}}
    assert laid(base, {"ethtool": {"features": {"tso": True}}}).ethtool.features == {"rx-gro": False, "tso": True}
    merged = laid({"ethtool": {"features": {"tso": True}}}, {"ethtool": {"features": {"tx-tcp-segmentation": False}}})
    assert merged.ethtool.features == {"tso": True, "tx-tcp-segmentation": False}


def test_a_vrf_of_another_name_shares_nothing_with_the_earlier_one() -> None:
    base = {"interface": {"vrf": {"name": "blue", "table": 77}}}
    assert laid(base, {"interface": {"vrf": {"name": "blue"}}}).interface.vrf == VrfConfig(name="blue", table=77)
    assert laid(base, {"interface": {"vrf": {"name": "red"}}}).interface.vrf == VrfConfig(name="red")
    assert laid(base, {}).interface.vrf == VrfConfig(name="blue", table=77)


def test_every_value_knows_its_layer() -> None:
    merged = lay(
        [
            layer(Source.PROVIDER, routes=[{"destination": "10.9.0.0/16", "scope": 253}], interface={"mtu": 1450}),
            layer(Source.CLASS, interface={"mtu": 9000, "vrf": {"name": "blue", "table": 77}}),
            layer(
                Source.CLAIM,
                routes=[{"destination": "10.8.0.0/16", "scope": 253}],
                ethtool={"features": {"tso": False}},
                interface={"vrf": {"name": "red"}},
            ),
        ]
    )
    of = merged.provenance.of
    assert of("interface.mtu") is Source.CLASS
    assert (of("routes[0].destination"), of("routes[1].scope")) == (Source.PROVIDER, Source.CLAIM)
    assert of("ethtool.features.tso") is Source.CLAIM
    assert (of("interface.vrf.name"), of("interface.vrf.table")) == (Source.CLAIM, None)
    assert of("interface.name") is of("") is None


def test_a_mistake_is_explained_by_the_layers_it_lies_in() -> None:
    provenance = Provenance(sources={"rules": Source.CLAIM, "interface.vrf.name": Source.CLASS})
    mistake = Mistake("rules", "no", ("interface.vrf.name", "interface.mtu"))
    assert provenance.explain(mistake) == (
        "rules: no (rules is from the claim, interface.vrf.name is from the device class)"
    )
    assert provenance.explain(Mistake("interface.mtu", "no")) == "interface.mtu: no"


ROUTE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"destination": st.sampled_from(["10.8.0.0/16", "10.9.0.0/16"]), "scope": st.just(253)},
    optional={"table": st.sampled_from([100, 254])},
)


def _destination_and_table(route: Any) -> tuple[str, int]:
    return route["destination"], route.get("table", 254)


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "interface": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["", "a", "b"]),
                "addresses": st.lists(
                    st.sampled_from(["10.0.0.1/24", "10.0.0.2/24", "fd00::1/64"]), unique=True, max_size=3
                ),
                "mtu": st.integers(68, 9000),
                "forwarding": st.booleans(),
                "arpIgnore": st.sampled_from([0, 1, 2]),
                "vrf": st.sampled_from([{"name": "blue"}, {"name": "blue", "table": 7}, {"name": "red"}]),
                "sysctls": st.dictionaries(st.sampled_from(["ipv4/rp_filter", "ipv6/autoconf"]), st.integers(0, 1)),
                "ipv6": st.fixed_dictionaries({}, optional={"dad": st.booleans(), "acceptRa": st.integers(0, 2)}),
            },
        ),
        "routes": st.lists(
            ROUTE,
            max_size=3,
            unique_by=_destination_and_table,
        ),
        "ethtool": st.fixed_dictionaries(
            {}, optional={"features": st.dictionaries(st.sampled_from(["tso", "rx-gro"]), st.booleans())}
        ),
    },
)
LAYERS = st.lists(st.tuples(st.sampled_from(SOURCES), PARAMETERS), max_size=5)


@given(LAYERS)
def test_what_goes_in_is_not_changed_and_the_same_comes_out_again(given_layers: list[tuple[Source, Any]]) -> None:
    layers = [layer(source, **parameters) for source, parameters in given_layers]
    before = copy.deepcopy(layers)
    merged = lay(layers)
    assert layers == before
    assert lay(layers) == merged


@given(LAYERS, PARAMETERS)
def test_the_last_layer_wins_in_every_single_value(
    given_layers: list[tuple[Source, Any]], last: dict[str, Any]
) -> None:
    layers = [layer(source, **parameters) for source, parameters in given_layers]
    merged = lay([*layers, layer(Source.CLAIM, **last)])
    for key, value in last.get("interface", {}).items():
        if isinstance(value, str | int):
            assert getattr(merged.config.interface, key) == value or value == ""
            assert merged.provenance.of(f"interface.{key}") is Source.CLAIM or value == ""
    for name, on in last.get("ethtool", {}).get("features", {}).items():
        assert (merged.config.ethtool.features or {})[name] == on


@given(PARAMETERS)
def test_a_layer_over_itself_changes_nothing(parameters: dict[str, Any]) -> None:
    assert laid(parameters, parameters) == laid(parameters) == decode(parameters)


@given(PARAMETERS, st.sampled_from(list(Source)))
def test_an_empty_layer_changes_nothing(parameters: dict[str, Any], source: Source) -> None:
    merged = lay([layer(Source.CLASS, **parameters), Layer(source=source, config=NetworkConfig())])
    assert merged == lay([layer(Source.CLASS, **parameters)])


@given(LAYERS)
def test_every_value_that_is_set_has_a_layer_and_no_other_has(given_layers: list[tuple[Source, Any]]) -> None:
    merged = lay(layer(source, **parameters) for source, parameters in given_layers)
    interface = merged.config.interface
    for key in ("name", "addresses", "mtu", "forwarding", "arpIgnore", "sysctls"):
        assert (getattr(interface, key) is None) == (merged.provenance.of(f"interface.{key}") is None)
    for index in range(len(merged.config.routes or ())):
        assert f"routes[{index}]" in merged.provenance.sources
    assert f"routes[{len(merged.config.routes or ())}]" not in merged.provenance.sources


@pytest.mark.parametrize("source", list(Source))
def test_one_layer_alone_is_itself(source: Source) -> None:
    only = layer(source, interface={"mtu": 9000})
    assert lay([only]).config == only.config
