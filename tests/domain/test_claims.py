"""Claims as an API server sends them, and the rules by which their configuration applies."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.claims import Allocated, allocated, consumer, consumer_uids, require_same
from agent.domain.configuring import configure
from agent.domain.layers import Source
from ports.errors import Code, Failure
from ports.netconfig import InterfaceConfig
from ports.plan import ClaimRef, PodRef

RECORDED = Path(__file__).parent.parent / "recordings" / "claims"
DRIVER = "rec.example"


def recorded(shape: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((RECORDED / f"{shape}.json").read_text())
    return body


def ref(body: dict[str, Any]) -> ClaimRef:
    metadata = body["metadata"]
    return ClaimRef(namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"])


def named(body: dict[str, Any], key: str) -> dict[str, Any]:
    """The claim with each entry's own word (``from`` or ``for``) turned into the name of an interface."""
    for entry in body["status"]["allocation"]["devices"]["config"]:
        opaque = entry["opaque"]
        word = opaque["parameters"].pop(key).replace("/", "-")
        mtu = opaque["parameters"].get("mtu")
        opaque["parameters"] = {"interface": {"name": word} | ({"mtu": mtu} if mtu else {})}
    return body


def claim(*entries: dict[str, Any], requests: tuple[str, ...] = ("r",), **status: Any) -> dict[str, Any]:
    results = [
        {"request": request, "driver": DRIVER, "pool": "node1", "device": f"eth{index}"}
        for index, request in enumerate(requests)
    ]
    return {
        "metadata": {"namespace": "ns", "name": "c", "uid": "u"},
        "status": {
            "allocation": {"devices": {"results": results, "config": list(entries)}},
            "reservedFor": [{"resource": "pods", "name": "p", "uid": "pod-uid"}],
            **status,
        },
    }


def entry(parameters: Any, *requests: str, source: str = "FromClaim", driver: str = DRIVER) -> dict[str, Any]:
    return {"source": source, "requests": list(requests), "opaque": {"driver": driver, "parameters": parameters}}


def interface(**fields: Any) -> dict[str, Any]:
    return {"interface": fields}


def names(body: dict[str, Any]) -> list[str | None]:
    return [each.config.interface.name for each in configure(body, ref(body), DRIVER)]


def test_a_recorded_claim_tells_its_devices_and_its_pod() -> None:
    body = recorded("one")
    assert allocated(body, DRIVER) == (Allocated(request="r", pool="node1", device="eth0"),)
    assert consumer(body, ref(body)) == PodRef(
        namespace="rec", name="p-one", uid="aceadbf3-72b5-4389-b340-19a9482aa75b"
    )
    assert consumer_uids(body) == {"aceadbf3-72b5-4389-b340-19a9482aa75b"}


def test_results_of_other_drivers_are_not_ours() -> None:
    assert allocated(recorded("one"), "other.example") == ()


def test_a_shared_device_keeps_its_share_ids_apart() -> None:
    ids = [device.share_id for device in allocated(recorded("consumable-capacity"), DRIVER)]
    assert ids == ["af547507-ba44-40f1-9db7-c16961dda9d2", "3c6eae8e-eba4-45e4-88ab-01aaf75085c3"]


def test_the_claim_wins_over_the_class_and_duplicates_do_no_harm() -> None:
    body = named(recorded("two-requests-config"), "from")
    assert names(body) == ["claim-both"] * 3
    assert [each.config.interface.mtu for each in configure(body, ref(body), DRIVER)] == [1500] * 3


def test_a_later_entry_of_the_class_wins_over_an_earlier_one() -> None:
    assert names(named(recorded("one"), "from")) == ["class-second"]


def test_the_chosen_subrequest_gets_the_parents_entries_and_its_own() -> None:
    body = recorded("first-available")
    entries = body["status"]["allocation"]["devices"]["config"]
    for each in entries:
        each["opaque"]["parameters"] = {"interface": {"name": each["requests"][0].replace("/", "-")}}
    assert names(body) == ["nic-slow"]
    del entries[3]
    entries[2]["opaque"]["parameters"]["interface"]["name"] = "parent"
    assert names(body) == ["parent"]
    assert allocated(body, DRIVER)[0].base_request == "nic"


def test_an_unknown_key_is_a_mistake_that_names_its_origin() -> None:
    body = recorded("no-config-class")
    with pytest.raises(Failure) as caught:
        configure(body, ref(body), DRIVER)
    assert caught.value.code is Code.INVALID
    assert "claim: parameters: unknown key a, big" in str(caught.value)


def test_all_mistakes_are_told_at_once_and_each_once() -> None:
    bad = entry(interface(mtu=1, name="lo"))
    body = claim(entry(interface(name="x" * 16), source="FromClass"), bad, bad)
    with pytest.raises(Failure) as caught:
        configure(body, ref(body), DRIVER)
    assert caught.value.detail.count("; ") == 2
    assert "device class: parameters.interface.name" in caught.value.detail
    assert "claim: parameters.interface.mtu" in caught.value.detail


@pytest.mark.parametrize("parameters", [[1], "text", 7, {"interface": None}, {"interface": []}])
def test_parameters_of_another_shape_are_a_mistake(parameters: Any) -> None:
    body = claim(entry(parameters))
    with pytest.raises(Failure, match="claim: parameters"):
        configure(body, ref(body), DRIVER)


def test_a_mistake_in_an_entry_for_another_request_or_driver_is_nobodys_business() -> None:
    body = claim(
        entry(interface(mtu=1), "other"),
        entry(interface(mtu=1), driver="other"),
        {"source": "FromClaim"},
        requests=("r",),
    )
    assert names(body) == [None]


def test_the_class_comes_first_wherever_the_list_has_it() -> None:
    body = claim(entry(interface(name="mine")), entry(interface(name="admins", mtu=9000), source="FromClass"))
    (device,) = configure(body, ref(body), DRIVER)
    assert device.config.interface == InterfaceConfig(name="mine", mtu=9000)


def test_an_entry_applies_to_everything_below_its_request_only() -> None:
    body = claim(entry(interface(name="a"), "r"), entry(interface(name="b"), "r/x"), requests=("r/x", "r/y", "rr"))
    assert names(body) == ["b", "a", None]


def test_admin_access_is_seen() -> None:
    body = claim()
    body["status"]["allocation"]["devices"]["results"][0]["adminAccess"] = True
    assert allocated(body, DRIVER)[0].admin_access


@pytest.mark.parametrize(
    ("reserved", "words"),
    [
        ([], "no pod"),
        (None, "no pod"),
        ([{"resource": "pods", "name": n, "uid": n} for n in "ab"], "2 pods (a, b)"),
        ([{"apiGroup": "x.example", "resource": "jobs", "name": "j", "uid": "j"}], "jobs.x.example j"),
    ],
)
def test_a_claim_serves_exactly_one_pod(reserved: Any, words: str) -> None:
    body = claim(reservedFor=reserved)
    with pytest.raises(Failure) as caught:
        consumer(body, ref(body))
    assert caught.value.code is Code.INVALID
    assert words in str(caught.value)


def test_a_replaced_claim_is_refused() -> None:
    with pytest.raises(Failure, match="was replaced") as caught:
        require_same(claim(), ClaimRef(namespace="ns", name="c", uid="earlier"))
    assert caught.value.code is Code.CONFLICT


@pytest.mark.parametrize(
    "body", [{}, {"status": None}, {"status": {"allocation": None}}, {"status": {"allocation": []}}]
)
def test_a_claim_without_allocation_has_no_devices(body: dict[str, Any]) -> None:
    assert allocated(body, DRIVER) == ()


def test_what_a_value_comes_from_is_kept() -> None:
    body = claim(entry(interface(mtu=9000)), entry(interface(name="admins"), source="FromClass"))
    (device,) = configure(body, ref(body), DRIVER)
    assert device.provenance.of("interface.mtu") is Source.CLAIM
    assert device.provenance.of("interface.name") is Source.CLASS
    assert device.provenance.of("interface.addresses") is None


def test_what_does_not_go_together_is_told_with_the_layers_it_comes_from() -> None:
    body = claim(
        entry({"interface": {"vrf": {"name": "blue"}}}, source="FromClass"),
        entry({"rules": [{"priority": 100, "table": 100}]}),
    )
    with pytest.raises(Failure) as caught:
        configure(body, ref(body), DRIVER)
    assert "rules: cannot be given together with interface.vrf" in caught.value.detail
    assert "(rules is from the claim, interface.vrf.name is from the device class)" in caught.value.detail


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["FromClass", "FromClaim"]),
            st.sampled_from([(), ("r",), ("r/x",), ("q",)]),
            st.integers(68, 9000),
        ),
        max_size=6,
    )
)
def test_reading_a_claim_changes_nothing_in_it(entries: list[tuple[str, tuple[str, ...], int]]) -> None:
    body = claim(*(entry(interface(mtu=mtu), *requests, source=source) for source, requests, mtu in entries))
    before = copy.deepcopy(body)
    (device,) = configure(body, ref(body), DRIVER)
    assert body == before
    applying = [(source, mtu) for source, requests, mtu in entries if not requests or "r" in requests]
    last = ([mtu for source, mtu in applying if source == "FromClaim"] or [mtu for _, mtu in applying])[-1:]
    assert device.config.interface.mtu == (last[0] if last else None)
