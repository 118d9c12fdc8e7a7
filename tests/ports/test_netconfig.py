"""Claim parameters: strict, with the path of every mistake, and "unset" apart from every value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.netconfig import (
    EthtoolConfig,
    HopConfig,
    InterfaceConfig,
    InvalidConfig,
    Ipv6Config,
    NeighborConfig,
    NetworkConfig,
    RdmaConfig,
    RouteConfig,
    RuleConfig,
    config_mistakes,
    decode,
    texts,
)
from ports.netconfig.features import covers, resolve
from ports.netconfig.vrf import table_of

EVERYTHING: dict[str, Any] = {
    "interface": {
        "name": "net1",
        "alternativeNames": ["fast-net"],
        "addresses": ["192.168.10.5/24", "2001:db8::5/64"],
        "dhcp": False,
        "mtu": 9000,
        "hardwareAddr": "02:00:00:00:00:01",
        "txQueueLen": 500,
        "gsoMaxSize": 65536,
        "groMaxSize": 65536,
        "gsoIPv4MaxSize": 65536,
        "groIPv4MaxSize": 65536,
        "disableEbpfPrograms": True,
        "forwarding": True,
        "arpIgnore": 1,
        "arpAnnounce": 2,
        "ipv6": {"dad": True, "acceptRa": 2},
        "sysctls": {"ipv4/rp_filter": 2},
    },
    "inheritHostRoutes": False,
    "routes": [
        {"destination": "192.168.10.1/32", "scope": 253},
        {"destination": "0.0.0.0/0", "gateway": "192.168.10.1", "source": "192.168.10.5", "table": 100, "metric": 5},
        {"destination": "10.9.0.0/16", "type": "blackhole"},
        {
            "destination": "10.8.0.0/16",
            "nextHops": [{"gateway": "192.168.10.2", "weight": 2, "onLink": True}],
            "mtu": 1400,
        },
    ],
    "rules": [
        {"priority": 500, "source": "192.168.10.0/24", "destination": "10.0.0.0/8", "table": 100},
        {"fwmark": 7, "fwmask": 255, "iif": "eth0", "oif": "net1"},
    ],
    "neighbors": [{"destination": "192.168.10.1", "hardwareAddr": "00:11:22:33:44:55"}],
    "ethtool": {"features": {"tso": False, "generic-receive-offload": True}, "privateFlags": {"legacy-rx": True}},
    "rdma": {"maxHandles": 2, "maxObjects": 2000},
}


def mistakes(**parameters: Any) -> str:
    with pytest.raises(InvalidConfig) as caught:
        decode(parameters)
    return str(caught.value)


def test_a_configuration_that_uses_every_field_is_read() -> None:
    assert decode(EVERYTHING) == NetworkConfig(
        interface=InterfaceConfig(
            name="net1",
            alternativeNames=("fast-net",),
            addresses=("192.168.10.5/24", "2001:db8::5/64"),
            dhcp=False,
            mtu=9000,
            hardwareAddr="02:00:00:00:00:01",
            txQueueLen=500,
            gsoMaxSize=65536,
            groMaxSize=65536,
            gsoIPv4MaxSize=65536,
            groIPv4MaxSize=65536,
            disableEbpfPrograms=True,
            forwarding=True,
            arpIgnore=1,
            arpAnnounce=2,
            ipv6=Ipv6Config(dad=True, acceptRa=2),
            sysctls={"ipv4/rp_filter": 2},
        ),
        inheritHostRoutes=False,
        routes=(
            RouteConfig(destination="192.168.10.1/32", scope=253),
            RouteConfig(destination="0.0.0.0/0", gateway="192.168.10.1", source="192.168.10.5", table=100, metric=5),
            RouteConfig(destination="10.9.0.0/16", type="blackhole"),
            RouteConfig(
                destination="10.8.0.0/16",
                nextHops=(HopConfig(gateway="192.168.10.2", weight=2, onLink=True),),
                mtu=1400,
            ),
        ),
        rules=(
            RuleConfig(priority=500, source="192.168.10.0/24", destination="10.0.0.0/8", table=100),
            RuleConfig(fwmark=7, fwmask=255, iif="eth0", oif="net1"),
        ),
        neighbors=(NeighborConfig(destination="192.168.10.1", hardwareAddr="00:11:22:33:44:55"),),
        ethtool=EthtoolConfig(
            features={"tso": False, "generic-receive-offload": True}, privateFlags={"legacy-rx": True}
        ),
        rdma=RdmaConfig(maxHandles=2, maxObjects=2000),
    )


@pytest.mark.parametrize("key", ["maxHandles", "maxObjects"])
def test_a_limit_of_rdma_is_a_positive_number_that_the_kernel_can_count_to(key: str) -> None:
    assert mistakes(rdma={key: 0}) == f"parameters.rdma.{key}: 0 is below 1, the least there is"
    assert mistakes(rdma={key: 1 << 31}) == f"parameters.rdma.{key}: 2147483648 is above 2147483647, the most there is"
    assert f"parameters.rdma.{key}" in mistakes(rdma={key: "max"})
    assert f"parameters.rdma.{key}" in mistakes(rdma={key: True})


@pytest.mark.parametrize("parameters", [None, {}, {"interface": {}}, {"interface": {"ipv6": {}, "vrf": None}}])
def test_nothing_given_means_nothing_set(parameters: dict[str, Any] | None) -> None:
    assert decode(parameters) == NetworkConfig()


def test_unset_is_neither_false_nor_zero_nor_empty() -> None:
    given_values = decode({"interface": {"addresses": [], "forwarding": False, "arpIgnore": 0}, "routes": []})
    assert given_values.interface == InterfaceConfig(addresses=(), forwarding=False, arpIgnore=0)
    assert given_values.routes == ()


@pytest.mark.parametrize(
    "parameters",
    [
        {"interface": {"name": ""}},
        {"interface": {"name": "é" * 7}},
        {"interface": {"vrf": {"name": "blue"}}},
        {"interface": {"arpIgnore": 8}},
        {"interface": {"mtu": 68}},
        {"interface": {"hardwareAddr": "0200.5e10.0001"}},
        {"interface": {"hardwareAddr": "02-00-5E-10-00-01"}},
        {"interface": {"hardwareAddr": "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01"}},
        {"interface": {"dhcp": False, "addresses": ["10.0.0.5/24"]}},
        {"interface": {"dhcp": True, "addresses": [], "ipv6": {"dhcp": True}}},
        {"interface": {"ipv6": {"dhcp": True}, "addresses": ["10.0.0.5/24"]}},
        {"profile": ""},
        {"rules": [{"priority": 0}, {"priority": 32767}]},
        {"routes": [{"destination": "10.0.0.1/32", "scope": 253}]},
        {"routes": [{"destination": "10.0.0.9/8", "gateway": "10.0.0.1", "source": ""}]},
        {"routes": [{"destination": "10.0.0.0/8", "scope": 253, "table": t} for t in (100, 101)]},
    ],
)
def test_what_dranet_takes_is_taken(parameters: dict[str, Any]) -> None:
    decode(parameters)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"interfaces": {}}, "parameters: unknown key interfaces (did you mean interface?)"),
        ({"interface": {"Name": "x"}}, "parameters.interface: unknown key Name (did you mean name?)"),
        ({"interface": {"mtu": "9000"}}, "parameters.interface.mtu: expected an integer"),
        ({"interface": {"mtu": True}}, "parameters.interface.mtu: expected an integer"),
        ({"interface": {"mtu": 67}}, "parameters.interface.mtu: 67 is below"),
        ({"interface": {"name": "x" * 16}}, "longer than 15 bytes"),
        ({"interface": {"name": "é" * 8}}, "longer than 15 bytes"),
        ({"interface": {"name": "a/b"}}, "may hold only"),
        ({"interface": {"name": ".."}}, "may hold only"),
        ({"interface": {"name": "a b"}}, "may hold only"),
        ({"interface": {"name": "eth0"}}, "belongs to the pod's own network"),
        ({"interface": {"alternativeNames": ["a", "a"]}}, "alternativeNames[1]: the same name as alternativeNames[0]"),
        ({"interface": {"alternativeNames": ["x" * 128]}}, "longer than 127 bytes"),
        ({"interface": {"alternativeNames": ["eth0"]}}, "alternativeNames[0]: 'eth0' belongs"),
        ({"interface": {"name": "n", "alternativeNames": ["n"]}}, "is the name of the interface already"),
        ({"interface": {"addresses": ["10.0.0.5"]}}, "addresses[0]: '10.0.0.5' is no address with prefix length"),
        ({"interface": {"addresses": ["10.0.0.5/255.0.0.0"]}}, "addresses[0]: '10.0.0.5/255.0.0.0' is no address"),
        ({"interface": {"addresses": ["10.0.0.05/8"]}}, "addresses[0]"),
        ({"interface": {"addresses": ["fe80::1%eth0/64"]}}, "addresses[0]"),
        ({"interface": {"addresses": ["224.0.0.1/24"]}}, "addresses[0]: 224.0.0.1 is no address that"),
        ({"interface": {"addresses": ["::/64"]}}, "addresses[0]: :: is no address that"),
        ({"interface": {"addresses": ["10.0.0.5/24", "10.0.0.5/8"]}}, "addresses[1]: the same address as addresses[0]"),
        (
            {"interface": {"dhcp": True, "addresses": ["10.0.0.5/24"]}},
            "parameters.interface.dhcp: cannot be true together with addresses",
        ),
        (
            {"interface": {"ipv6": {"dhcp": True}, "addresses": ["2001:db8::5/64"]}},
            "parameters.interface.ipv6.dhcp: cannot be true together with IPv6 addresses",
        ),
        ({"profile": 7}, "parameters.profile: expected text, got int"),
        ({"interface": {"hardwareAddr": "00:11:22:33:44"}}, "hardwareAddr"),
        ({"interface": {"hardwareAddr": "00:11-22:33:44:55"}}, "hardwareAddr"),
        ({"interface": {"gsoMaxSize": 0}}, "gsoMaxSize: 0 is below 1"),
        ({"interface": {"groIPv4MaxSize": 524281}}, "groIPv4MaxSize: 524281 is above 524280"),
        ({"interface": {"txQueueLen": -1}}, "txQueueLen: -1 is below 0"),
        *(({"interface": {"arpIgnore": value}}, f"arpIgnore: {value} is none of") for value in (-1, 4, 5, 6, 7, 9)),
        ({"interface": {"arpAnnounce": 3}}, "arpAnnounce: 3 is none of 0, 1, 2"),
        ({"interface": {"ipv6": {"acceptRa": 3}}}, "interface.ipv6.acceptRa: 3 is none of 0, 1, 2"),
        ({"interface": {"vrf": {}}}, "interface.vrf.name: is needed"),
        ({"interface": {"vrf": {"name": "a/b"}}}, "interface.vrf.name: 'a/b' may hold only"),
        ({"interface": {"vrf": {"name": "b", "table": 0}}}, "interface.vrf.table: 0 is below 1"),
        ({"interface": {"vrf": {"name": "b", "table": 254}}}, "interface.vrf.table: 254 is one of the kernel's own"),
        ({"interface": {"sysctls": {"ipv4/no_such": 1}}}, "interface.sysctls.ipv4/no_such: "),
        ({"interface": {"sysctls": {"../all/forwarding": 1}}}, "interface.sysctls.../all/forwarding: "),
        ({"interface": {"sysctls": {"ipv4/rp_filter": 1 << 40}}}, "is no value of sysctl"),
        ({"interface": {"arpIgnore": 1, "sysctls": {"ipv4/arp_ignore": 1}}}, "is what interface.arpIgnore sets too"),
        ({"routes": [{}]}, "routes[0].destination: is needed"),
        ({"routes": [{"destination": "10.0.0.1", "scope": 253}]}, "routes[0].destination"),
        ({"routes": [{"destination": "2001:db8::1", "scope": 253}]}, "routes[0].destination"),
        ({"routes": [{"destination": "10.0.0.0/8"}]}, "routes[0].gateway: needed"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "fd00::1"}]}, "different families"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "no"}]}, "'no' is no IP address"),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "224.0.0.1"}]}, "is no address of one neighbour"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 3}]}, "scope: 3"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "table": -1}]}, "table: -1"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "source": "x"}]}, "source: 'x'"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253, "source": "::1"}]}, "different families"),
        ({"routes": [{"destination": "10.0.0.0/8", "scope": 253}] * 2}, "routes[1]: the same destination, table"),
        ({"routes": [{"destination": "10.0.0.0/8", "type": "throw"}]}, "type: 'throw' is none of unicast"),
        ({"routes": [{"destination": "10.0.0.0/8", "type": "blackhole", "gateway": "10.0.0.1"}]}, "has no meaning"),
        (
            {"routes": [{"destination": "10.0.0.0/8", "scope": 253, "onLink": True}]},
            "onLink: says something of gateway",
        ),
        ({"routes": [{"destination": "10.0.0.0/8", "nextHops": [{}]}]}, "routes[0].nextHops[0].gateway: is needed"),
        (
            {"routes": [{"destination": "10.0.0.0/8", "nextHops": [{"gateway": "fd00::1", "weight": 0}]}]},
            "nextHops[0].weight: 0 is below 1",
        ),
        (
            {"routes": [{"destination": "10.0.0.0/8", "gateway": "10.0.0.1", "nextHops": [{"gateway": "10.0.0.2"}]}]},
            "nextHops: cannot be given together with gateway",
        ),
        ({"rules": [{"priority": -1}]}, "rules[0].priority: -1 is below 0"),
        ({"rules": [{"priority": 32768}]}, "rules[0].priority: 32768 is above 32767"),
        ({"rules": [{"table": -1}]}, "rules[0].table"),
        ({"rules": [{"source": "10.0.0.1"}]}, "rules[0].source: '10.0.0.1' is no network"),
        (
            {"rules": [{"source": "10.0.0.0/8", "destination": "fd00::/8"}]},
            "rules[0].destination: is of another family",
        ),
        ({"rules": [{"fwmask": 1}]}, "rules[0].fwmask: says something of fwmark"),
        ({"rules": [{"fwmark": 1 << 32}]}, "rules[0].fwmark: 4294967296 is above"),
        ({"rules": [{"iif": "a/b"}]}, "rules[0].iif: 'a/b' may hold only"),
        ({"rules": [{}, {}]}, "rules[1]: the same rule as rules[0]"),
        ({"rules": [{}], "interface": {"vrf": {"name": "b"}}}, "rules: cannot be given together with interface.vrf"),
        ({"neighbors": [{"ipAddress": "10.0.0.1"}]}, "neighbors[0]: unknown key ipAddress (there are destination"),
        ({"neighbors": [{"hardwareAddr": "00:11:22:33:44:55"}]}, "neighbors[0].destination: is needed"),
        ({"neighbors": [{"destination": "10.0.0.1", "hardwareAddr": "x"}]}, "neighbors[0].hardwareAddr: 'x'"),
        (
            {
                "neighbors": [
                    {"destination": ip, "hardwareAddr": "00:11:22:33:44:55"} for ip in ("fd00::1", "fd00:0::1")
                ]
            },
            "neighbors[1]: the same destination as neighbors[0]",
        ),
        ({"ethtool": {"features": {"tso": "off"}}}, "ethtool.features.tso: expected true or false"),
        ({"ethtool": {"features": []}}, "ethtool.features: expected a map"),
    ],
)
def test_a_mistake_is_named_with_its_path(parameters: dict[str, Any], words: str) -> None:
    assert words in mistakes(**parameters)


@pytest.mark.parametrize("parameters", [[], "text", 7, {"interface": None}, {"interface": []}, {"routes": {}}])
def test_another_shape_is_a_mistake(parameters: Any) -> None:
    with pytest.raises(InvalidConfig, match=r"parameters.*: expected a (map|list)"):
        decode(parameters)


def test_all_mistakes_are_reported_together_also_beside_wrong_types() -> None:
    with pytest.raises(InvalidConfig) as caught:
        decode({"interface": {"mtu": 1, "name": 7, "nam": 1}, "routes": [{"destination": 3, "scope": 253}]})
    assert {mistake.path for mistake in caught.value.mistakes} == {
        "parameters.interface",
        "parameters.interface.name",
        "parameters.interface.mtu",
        "parameters.routes[0].destination",
    }
    assert len(caught.value.mistakes) == 4


def test_a_list_without_end_is_refused() -> None:
    addresses = [f"10.0.{index // 256}.{index % 256}/8" for index in range(1, 200)]
    assert "addresses: 199 entries, more than 128" in mistakes(interface={"addresses": addresses})


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("02:00:5E:10:00:01", "02:00:5e:10:00:01"),
        ("02-00-5e-10-00-01", "02:00:5e:10:00:01"),
        ("0200.5e10.0001", "02:00:5e:10:00:01"),
        ("0200.5e10.0001.0002", "02:00:5e:10:00:01:00:02"),
        ("02:00:5e:10:00", None),
        ("02:00-5e:10:00:01", None),
        ("2:0:5e:10:0:1", None),
        ("02005e100001", None),
        ("", None),
    ],
)
def test_a_mac_address_is_read_in_the_ways_that_go_reads_it(text: str, mac: str | None) -> None:
    assert texts.mac(text) == mac


@pytest.mark.parametrize(
    ("name", "table"), [("test-vrf", 1890), ("vrf0", 1343), ("blue", 1541), ("red", 1596), ("mgmt", 1164)]
)
def test_a_vrf_gets_the_table_that_dranet_gives_it(name: str, table: int) -> None:
    assert table_of(name) == table


SEGMENTATION = (
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
)


@pytest.mark.parametrize("name", ["tso", "tcp-segmentation-offload"])
def test_an_alias_means_all_features_of_its_kind(name: str) -> None:
    assert resolve(name, ("rx-gro", *SEGMENTATION, "tx-udp-segmentation")) == SEGMENTATION


def test_a_kernel_name_means_itself_and_an_unknown_one_nothing() -> None:
    assert resolve("rx-gro", ("rx-gro", "rx-gro-hw")) == ("rx-gro",)
    assert resolve("gro", ("rx-gro", "rx-gro-hw")) == ("rx-gro",)
    assert resolve("rx-lro", ("rx-gro",)) == resolve("turbo", ("rx-gro",)) == ()
    assert covers("tso", "tx-tcp6-segmentation")
    assert covers("tso", "tcp-segmentation-offload")
    assert not covers("tx-tcp6-segmentation", "tso")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.text(max_size=6) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def _paths() -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        found.append(path)
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            walk(inner, (*path, key))

    walk(EVERYTHING, ())
    return found


def _replaced(value: Any, path: tuple[str | int, ...], by: Any) -> Any:
    if not path:
        return by
    if isinstance(value, dict):
        return {key: _replaced(inner, path[1:], by) if key == path[0] else inner for key, inner in value.items()}
    return [_replaced(inner, path[1:], by) if index == path[0] else inner for index, inner in enumerate(value)]


@given(st.sampled_from(_paths()), JSON)
def test_any_value_anywhere_is_taken_or_refused_with_its_path(path: tuple[str | int, ...], value: Any) -> None:
    parameters = _replaced(EVERYTHING, path, value)
    try:
        config = decode(parameters)
    except InvalidConfig as error:
        assert all(mistake.path.startswith("parameters") and mistake.reason for mistake in error.mistakes)
    else:
        assert not list(config_mistakes(config))
