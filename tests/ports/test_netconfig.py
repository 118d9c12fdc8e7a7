"""Claim parameters: strict, with the path of every mistake, and "unset" apart from every value."""

from __future__ import annotations

from typing import Any

import pytest

from ports.netconfig import InterfaceConfig, InvalidConfig, NetworkConfig, RouteConfig, decode


def test_a_full_configuration_is_read() -> None:
    config = decode(
        {
            "interface": {"name": "net1", "addresses": ["10.0.0.5/24", "fd00::5/64"], "mtu": 9000},
            "routes": [{"destination": "10.1.0.0/16", "gateway": "10.0.0.1"}],
        }
    )
    assert config == NetworkConfig(
        interface=InterfaceConfig(name="net1", addresses=("10.0.0.5/24", "fd00::5/64"), mtu=9000),
        routes=(RouteConfig(destination="10.1.0.0/16", gateway="10.0.0.1"),),
    )


@pytest.mark.parametrize("parameters", [None, {}, {"interface": {}}])
def test_nothing_given_means_nothing_set(parameters: dict[str, Any] | None) -> None:
    assert decode(parameters) == NetworkConfig()


def test_an_empty_list_is_not_unset() -> None:
    assert decode({"interface": {"addresses": []}}).interface.addresses == ()
    assert decode({"routes": []}).routes == ()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"interfaces": {}}, "parameters: unknown key interfaces"),
        ({"interface": {"Name": "x"}}, "parameters.interface: unknown key Name"),
        ({"interface": {"mtu": "9000"}}, "parameters.interface.mtu: expected an integer"),
        ({"interface": {"mtu": 67}}, "parameters.interface.mtu: 67 is below"),
        ({"interface": {"name": "x" * 16}}, "longer than 15 bytes"),
        ({"interface": {"name": "a/b"}}, "may hold only"),
        ({"interface": {"name": ""}}, "may hold only"),
        ({"interface": {"name": "eth0"}}, "belongs to the pod's own network"),
        ({"interface": {"addresses": ["10.0.0.5"]}}, "addresses[0]: '10.0.0.5' is no address with prefix length"),
        ({"interface": {"addresses": ["fe80::1%eth0/64"]}}, "addresses[0]"),
        ({"interface": {"hardwareAddr": "00:11:22:33:44"}}, "hardwareAddr"),
        ({"routes": [{"destination": "10.0.0.1", "scope": 253}]}, "routes[0].destination"),
        ({"routes": [{"destination": "10.0.0.0/8"}]}, "routes[0].gateway: needed"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "fd00::1"}]}, "different families"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "no"}]}, "'no' is no IP address"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 3}]}, "scope: 3"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "table": -1}]}, "table: -1"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "source": "x"}]}, "source: 'x'"),
    ],
)
def test_a_mistake_is_named_with_its_path(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        decode(parameters)
    assert words in str(caught.value)


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(InvalidConfig) as caught:
        decode({"interface": {"mtu": 1, "name": "lo"}, "routes": [{"destination": "x", "scope": 253}]})
    assert len(caught.value.mistakes) == 3
