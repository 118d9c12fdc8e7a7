"""What the clouds' metadata servers say of devices, and how they are told apart."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cloud import alibaba, aws, azure, gce, neuron, oke
from adapters.cloud.alibaba import Alibaba
from adapters.cloud.aws import Aws
from adapters.cloud.azure import Azure
from adapters.cloud.gce import Gce
from adapters.cloud.oke import Oke
from ports.errors import Failure
from ports.netconfig import NetworkConfig, RouteConfig, RuleConfig, config_mistakes
from ports.providers import Description, DeviceIds, Platform, Provider
from tests.cloud import shapes
from tests.support.metadata import FakeServer, Reply

NIC = DeviceIds(device="pci-0000-01-00-0", interface="eth1", mac="42:01:0A:80:00:05", pci_address="0000:01:00.0")
BARE = DeviceIds(device="pci-0000-02-00-0", rdma="mlx5_3")
KINDS: dict[str, tuple[Callable[[str], Provider], Callable[[], FakeServer]]] = {
    "GCE": (Gce, shapes.gce),
    "AWS": (Aws, shapes.aws),
    "AZURE": (Azure, shapes.azure),
    "OKE": (Oke, shapes.oke),
    "ALIBABA": (Alibaba, shapes.alibaba),
}


def described(kind: str, ids: DeviceIds = NIC, server: FakeServer | None = None) -> Description:
    provider, shape = KINDS[kind]
    with (server or shape()).serving() as url:
        return provider(url).read().describe(ids)


def test_gce_tells_machine_place_and_network() -> None:
    assert described("GCE").attributes == {
        "gce.dra.net/machineType": "a4-highgpu-8g",
        "gce.dra.net/block": "b1",
        "gce.dra.net/subBlock": "s2",
        "gce.dra.net/host": "h3",
        "gce.dra.net/networkName": "gpu-net-1",
        "gce.dra.net/networkProjectNumber": 123456789012,
        "gce.dra.net/ipAliases": "10.24.3.0/24,10.24.4.0/24",
    }
    assert described("GCE", BARE).attributes.keys() == {f"gce.dra.net/{key}" for key in GCE_NODE}


GCE_NODE = ("machineType", "block", "subBlock", "host")


def test_gce_without_a_place_or_with_an_odd_network_keeps_the_rest() -> None:
    root = "/computeMetadata/v1/instance"
    server = shapes.gce()
    server.replies[f"{root}/attributes/physical_host"] = Reply(body="/b1/s2")
    nic = {**shapes.GCE_NICS[0], "network": "no-network"}
    server.replies[f"{root}/network-interfaces/?recursive=true&alt=json"] = Reply(body=[nic])
    found = described("GCE", server=server)
    assert found.attributes.keys() == {"gce.dra.net/machineType", "gce.dra.net/ipAliases"}
    assert found.notes == ("'no-network' is no network's name",)
    del server.replies[f"{root}/attributes/physical_host"]
    assert described("GCE", server=server).attributes.keys() == found.attributes.keys()


def test_aws_tells_type_placement_card_and_subnet() -> None:
    node = {
        "aws.dra.net/instanceType": "p5.48xlarge",
        "aws.dra.net/availabilityZoneId": "use2-az1",
        "aws.dra.net/placementGroup": "training",
    }
    assert described("AWS").attributes == {**node, "aws.dra.net/networkCard": 3, "aws.dra.net/subnetId": "subnet-0abc"}
    assert described("AWS", BARE).attributes == node


def test_aws_tells_the_neuron_groups_of_an_efa_device() -> None:
    """By the rule of AWS's own driver: a group's id is the digest of its EFA addresses, sorted, each once."""
    efa = DeviceIds(device="pci-0000-c9-00-0", pci_address="0000:c9:00.0", rdma="rdmap201s0")
    found = aws.Instance(instance_type="trn2.48xlarge").describe(efa).attributes
    first_four = b"0000:b3:00.0,0000:b4:00.0,0000:c9:00.0,0000:ca:00.0"
    assert found["resource.aws.com/devicegroup1_id"] == "0000:c9:00.0"
    assert found["resource.aws.com/devicegroup4_id"] == hashlib.sha256(first_four).hexdigest()[:16]
    assert {name for name in found if name.startswith("resource.")} == {
        f"resource.aws.com/devicegroup{size}_id" for size in (1, 4, 8, 16)
    }
    for other in ("p5.48xlarge", "trn1.2xlarge", ""):
        assert neuron.groups(other, efa.pci_address) == {}
    assert neuron.groups("trn2.48xlarge", "0000:00:05.0") == neuron.groups("trn2.48xlarge", None) == {}


@pytest.mark.parametrize("machine", sorted(neuron.WIRING))
def test_neuron_groups_are_as_large_as_they_are_called(machine: str) -> None:
    places = neuron.WIRING[machine].split()
    assert len(places) == 16
    per_device = 16 // len(set(places))  # two Neuron devices share one EFA device on trn1
    ids = [neuron.groups(machine, f"0000:{place}.0") for place in dict.fromkeys(places)]
    for size in (4, 8, 16):
        found = Counter(each[f"resource.aws.com/devicegroup{size}_id"] for each in ids)
        assert set(found.values()) == {size // per_device}


def test_azure_tells_machine_and_subnet_and_gives_each_interface_its_own_way_out() -> None:
    found = described("AZURE")
    assert found.attributes == {
        "azure.dra.net/vmSize": "Standard_ND96isr_H100_v5",
        "azure.dra.net/placementGroupId": "a9f3b7d2-0000-4000-8000-000000000001",
        "azure.dra.net/subnet": "10.9.255.0/24",
    }
    assert found.config == NetworkConfig(
        rules=(RuleConfig(source="10.9.255.0/24", table=101), RuleConfig(source="2001:db8::4/128", table=101)),
        routes=(
            RouteConfig(destination="0.0.0.0/0", gateway="10.9.255.1", table=101),
            RouteConfig(destination="::/0", gateway="fe80::1234:5678:9abc", table=101),
        ),
    )
    assert list(config_mistakes(found.config)) == []
    assert described("AZURE", BARE).config is None


@pytest.mark.parametrize(
    ("subnet", "notes"),
    [
        ({"address": "10.0.0.5", "prefix": "24"}, 1),
        ({"address": "10.0.0.0", "prefix": "33"}, 1),
        ({"address": "10.0.0.1", "prefix": "32"}, 1),
        ({"address": "2001:db8::", "prefix": "64"}, 1),
        ({"address": "", "prefix": "24"}, 0),
        ({}, 0),
        ("10.0.0.0/24", 0),
    ],
)
def test_azure_makes_no_route_of_what_is_no_subnet(subnet: Any, notes: int) -> None:
    nic = {
        "macAddress": NIC.mac,
        "ipv4": {"subnet": [subnet]},
        "ipv6": {"ipAddress": [{"privateIpAddress": "fe80::1"}]},
    }
    found = azure.Instance(interfaces=(nic,)).describe(NIC)
    assert (found.config, len(found.notes)) == (None, notes)


def test_an_older_azure_is_asked_as_it_understands() -> None:
    found = described("AZURE", server=shapes.azure(("2021-02-01",)))
    assert found.attributes["azure.dra.net/vmSize"] == "Standard_ND96isr_H100_v5"


def test_oke_tells_where_in_the_fabric_the_host_is() -> None:
    assert described("OKE", BARE).attributes == {
        "oke.dra.net/hpcIslandId": "a" * 60,
        "oke.dra.net/networkBlockId": "b" * 60,
        "oke.dra.net/localBlockId": "c" * 60,
        "oke.dra.net/rackId": "rack-7",
    }


def test_oke_without_topology_data_tells_what_there_is() -> None:
    plain = {key: value for key, value in shapes.OKE_HOST.items() if key != "rdmaTopologyData"}
    found = described("OKE", server=shapes.oke(plain)).attributes
    assert found == {"oke.dra.net/networkBlockId": "raw-block", "oke.dra.net/rackId": "rack-7"}
    server = shapes.oke()
    del server.replies["/opc/v2/host/"]
    assert described("OKE", server=server) == Description()


def test_an_identifier_that_is_none_costs_itself() -> None:
    odd = {
        "rdmaTopologyData": {"customerHPCIslandId": "nonsense", "customerLocalBlock": shapes.ocid("localblock", "c")}
    }
    found = oke.Host(record=odd).describe(NIC)
    assert found.attributes == {"oke.dra.net/localBlockId": "c" * 60}
    assert found.notes == ("customerHPCIslandId 'nonsense' is no OCID",)


def test_alibaba_tells_type_and_erdma() -> None:
    assert described("ALIBABA").attributes == {"alibaba.dra.net/instanceType": "ecs.ebmgn8v.48xlarge"}
    erdma = DeviceIds(device="x", rdma="erdma_0")
    assert described("ALIBABA", erdma).attributes["alibaba.dra.net/erdma"] is True


@pytest.mark.parametrize("there", [*KINDS, ""])
@pytest.mark.parametrize("kind", KINDS)
def test_each_knows_its_own_server_and_no_other(kind: str, there: str) -> None:
    """All of them but one have the same address."""
    server = KINDS[there][1]() if there else FakeServer()
    with server.serving() as url:
        provider = KINDS[kind][0](url)
        if kind == there:
            provider.detect()
        else:
            with pytest.raises(Failure):
                provider.detect()


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", "[]", "null", '"text"', "{", "<html></html>", b"{}" + b" " * 2_000_000]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_answers_everything_with_something_else_is_none(kind: str, body: bytes | str) -> None:
    server = KINDS[kind][1]()
    server.replies = {path: Reply(body=body) for path in server.replies}
    with server.serving() as url:
        for look in (KINDS[kind][0](url).detect, KINDS[kind][0](url).read):
            try:
                look()
            except Failure:
                continue
            assert (kind, look.__name__, body) == ("GCE", "read", "[]"), "a list of no interfaces is one"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=80)
    | st.sampled_from(["ocid1.a.b", "10.0.0.0", NIC.mac]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "mac",
                    "macAddress",
                    "network",
                    "ipAliases",
                    "ipv4",
                    "ipv6",
                    "subnet",
                    "address",
                    "prefix",
                    "ipAddress",
                    "privateIpAddress",
                    "vmSize",
                    "rdmaTopologyData",
                    "customerHPCIslandId",
                    "rackId",
                    "interface",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
RECORDS = st.dictionaries(
    st.text(max_size=12) | st.sampled_from(["vmSize", "rackId", "rdmaTopologyData"]), JSON, max_size=4
)


@settings(max_examples=60)
@given(st.lists(JSON, max_size=3), RECORDS, st.text(max_size=80))
def test_any_json_is_described_with_names_that_are_our_own_and_parameters_that_hold(
    interfaces: list[Any], record: dict[str, Any], text: str
) -> None:
    platforms: list[tuple[str, Platform]] = [
        ("gce", gce.Instance(machine_type=text, physical_host=text, interfaces=tuple(interfaces))),
        ("aws", aws.Instance(instance_type=text, zone=text, interfaces={})),
        ("azure", azure.Instance(compute=record, interfaces=tuple(interfaces))),
        ("oke", oke.Host(record=record)),
        ("alibaba", alibaba.Instance(instance_type=text)),
    ]
    for domain, platform in platforms:
        for ids in (NIC, BARE, DeviceIds(device="x")):
            found = platform.describe(ids)
            assert {name.partition("/")[0] for name in found.attributes} <= {f"{domain}.dra.net"}
            assert all(isinstance(value, str | int | bool) for value in found.attributes.values())
            assert list(config_mistakes(found.config or NetworkConfig())) == []
