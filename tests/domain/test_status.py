"""Claim status: what the user and the scheduler read after an attach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.status import canonical_ips, entries
from ports.devices import DeviceNode
from ports.frontends import Outcome
from ports.results import AttachedDevice
from tests.domain.values import CLAIM, POD
from tests.support.openapi import mistakes

SHARE = "af547507-ba44-40f1-9db7-c16961dda9d2"
AT = 1_700_000_000_500_000_000
TIME = "2023-11-14T22:13:20Z"


def attached(device: str = "ens1", share_id: str | None = None) -> AttachedDevice:
    return AttachedDevice(
        claim=CLAIM,
        request="r",
        pool="node1",
        device=device,
        interface="net1",
        mac="02:00:00:00:00:03",
        addresses=("10.0.0.5/24", "2001:DB8:0::5/64", "fe80::1/64"),
        share_id=share_id,
    )


def outcome(*devices: AttachedDevice, error: str = "", at_ns: int = AT) -> Outcome:
    return Outcome(claim=CLAIM, pod=POD, devices=devices, error=error, at_ns=at_ns)


def body(*results: dict[str, Any], devices: tuple[Any, ...] = ()) -> dict[str, Any]:
    made = [{"request": "r", "driver": "dra.net", "pool": "node1", **result} for result in results]
    return {"status": {"allocation": {"devices": {"results": made}}, "devices": list(devices)}}


def test_a_success_tells_name_addresses_and_mac() -> None:
    (entry,) = entries(outcome(attached()), body({"device": "ens1"}), "dra.net")
    assert entry == {
        "driver": "dra.net",
        "pool": "node1",
        "device": "ens1",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "NetworkDeviceReady",
                "message": "",
                "lastTransitionTime": TIME,
            },
            {
                "type": "NetworkReady",
                "status": "True",
                "reason": "NetworkReady",
                "message": "",
                "lastTransitionTime": TIME,
            },
        ],
        "networkData": {
            "interfaceName": "net1",
            "hardwareAddress": "02:00:00:00:00:03",
            "ips": ["10.0.0.5/24", "2001:db8::5/64"],
        },
    }


def test_a_failure_tells_why_for_every_device_of_the_claim() -> None:
    claim = body({"device": "ens1"}, {"device": "ens2"}, {"device": "other", "driver": "other.example"})
    made = entries(outcome(error="claim team/net: no such device"), claim, "dra.net")
    assert [entry["device"] for entry in made] == ["ens1", "ens2"]
    for entry in made:
        assert "networkData" not in entry
        ready = entry["conditions"][0]
        assert (ready["status"], ready["reason"]) == ("False", "AttachFailed")
        assert ready["message"] == "claim team/net: no such device"


def test_entries_are_valid_by_the_recorded_schema() -> None:
    claim = body({"device": "ens1", "shareID": SHARE}, {"device": "ens2"})
    for made in (outcome(attached(share_id=SHARE), attached("ens2")), outcome(error="x")):
        found = entries(made, claim, "dra.net")
        assert len(found) == 2
        for entry in found:
            schema = "io.k8s.api.resource.v1.AllocatedDeviceStatus"
            assert mistakes("openapi-v3-resource.k8s.io-v1", schema, entry) == []


def test_a_shared_device_is_told_apart_by_its_share_id() -> None:
    claim = body({"device": "ens1", "shareID": SHARE}, {"device": "ens1", "shareID": "other"})
    (entry,) = entries(outcome(attached(share_id=SHARE)), claim, "dra.net")
    assert entry["shareID"] == SHARE


def test_only_what_is_allocated_is_reported() -> None:
    assert entries(outcome(attached("gone")), body({"device": "ens1"}), "dra.net") == ()


def test_a_device_for_looking_at_is_not_reported() -> None:
    assert entries(outcome(error="x"), body({"device": "ens1", "adminAccess": True}), "dra.net") == ()


def test_a_report_that_comes_again_changes_nothing() -> None:
    claim = body({"device": "ens1"})
    first = entries(outcome(attached()), claim, "dra.net")
    later = outcome(attached(), at_ns=AT + 10**12)
    assert entries(later, body({"device": "ens1"}, devices=first), "dra.net") == first


def test_a_change_of_status_is_a_transition() -> None:
    first = entries(outcome(error="x"), body({"device": "ens1"}), "dra.net")
    later = replace(outcome(attached()), at_ns=AT + 60 * 10**9)
    (entry,) = entries(later, body({"device": "ens1"}, devices=first), "dra.net")
    assert [condition["lastTransitionTime"] for condition in entry["conditions"]] == ["2023-11-14T22:14:20Z"] * 2


def test_a_long_reason_is_cut_to_what_fits() -> None:
    (entry,) = entries(outcome(error="é" * 40000), body({"device": "ens1"}), "dra.net")
    message = entry["conditions"][0]["message"]
    assert len(message.encode()) <= 32768
    assert set(message) == {"é"}


@pytest.mark.parametrize(
    ("addresses", "ips"),
    [
        (("169.254.1.1/16", "fe80::1/64", "::ffff:10.0.0.1/120"), ["169.254.1.1/16"]),
        (("10.0.0.5/24", "10.0.0.5/24"), ["10.0.0.5/24"]),
        (("2001:DB8::0:5/64",), ["2001:db8::5/64"]),
        (tuple(f"10.0.0.{index}/24" for index in range(20)), [f"10.0.0.{index}/24" for index in range(16)]),
    ],
)
def test_addresses_are_as_the_api_wants_them(addresses: tuple[str, ...], ips: list[str]) -> None:
    assert canonical_ips(addresses) == ips


def test_what_has_ended_is_not_ready_any_more_and_has_no_network() -> None:
    first = entries(outcome(attached()), body({"device": "ens1"}), "dra.net")
    later = replace(outcome(at_ns=AT + 60 * 10**9), ended=True)
    (entry,) = entries(later, body({"device": "ens1"}, devices=first), "dra.net")
    assert "networkData" not in entry
    for condition in entry["conditions"]:
        assert (condition["status"], condition["reason"]) == ("False", "Detached")
        assert condition["message"] == "the pod's sandbox has ended"
        assert condition["lastTransitionTime"] == "2023-11-14T22:14:20Z"
    assert mistakes("openapi-v3-resource.k8s.io-v1", "io.k8s.api.resource.v1.AllocatedDeviceStatus", entry) == []


def test_what_has_ended_and_was_never_told_of_stays_untold() -> None:
    assert entries(replace(outcome(error="lost"), ended=True), body({"device": "ens1"}), "dra.net") == ()


def test_a_device_lost_at_the_end_is_told_with_the_reason() -> None:
    first = entries(outcome(attached()), body({"device": "ens1"}), "dra.net")
    later = replace(outcome(error="ens1: gone with its namespace"), ended=True)
    (entry,) = entries(later, body({"device": "ens1"}, devices=first), "dra.net")
    assert entry["conditions"][0]["reason"] == "Detached"
    assert entry["conditions"][0]["message"] == "ens1: gone with its namespace"


VERBS = DeviceNode(path="/dev/infiniband/uverbs0", type="c", major=231, minor=192)


def conditions(device: AttachedDevice) -> dict[str, tuple[str, str]]:
    (entry,) = entries(outcome(device), body({"device": "ens1"}), "dra.net")
    return {each["type"]: (each["status"], each["reason"]) for each in entry["conditions"]}


def test_an_rdma_device_that_was_moved_with_its_interface_is_told_of() -> None:
    told = conditions(replace(attached(), rdma=("mlx5_0",), rdma_moved=True, nodes=(VERBS,)))
    assert told == {
        "Ready": ("True", "NetworkDeviceReady"),
        "NetworkReady": ("True", "NetworkReady"),
        "RDMALinkReady": ("True", "RDMALinkReady"),
    }


def test_an_rdma_device_that_everybody_sees_has_no_condition_of_its_own() -> None:
    assert "RDMALinkReady" not in conditions(replace(attached(), rdma=("mlx5_0",), nodes=(VERBS,)))


def test_an_rdma_device_that_nobody_can_use_is_told_of() -> None:
    told = conditions(replace(attached(), rdma=("mlx5_0",), rdma_moved=True))
    assert told["RDMALinkReady"] == ("False", "NoDeviceFiles")
    assert told["Ready"] == ("True", "NetworkDeviceReady")


@pytest.mark.parametrize("moved", [True, False])
def test_an_rdma_device_without_an_interface_has_no_network_data(moved: bool) -> None:
    alone = replace(attached(), interface="", mac="", addresses=(), rdma=("mlx5_0",), rdma_moved=moved, nodes=(VERBS,))
    told = conditions(alone)
    assert told["Ready"] == ("True", "RDMAOnlyDeviceReady")
    assert ("RDMALinkReady" in told) is moved
    assert "NetworkReady" not in told
    (entry,) = entries(outcome(alone), body({"device": "ens1"}), "dra.net")
    assert "networkData" not in entry


def test_what_has_ended_is_told_of_the_kinds_that_were_told() -> None:
    alone = replace(attached(), interface="", rdma=("mlx5_0",), rdma_moved=True, nodes=(VERBS,))
    first = entries(outcome(alone), body({"device": "ens1"}), "dra.net")
    ended = replace(outcome(at_ns=AT + 1), ended=True)
    (entry,) = entries(ended, body({"device": "ens1"}, devices=first), "dra.net")
    told = {each["type"]: each["status"] for each in entry["conditions"]}
    assert told == {"Ready": "False", "RDMALinkReady": "False"}
