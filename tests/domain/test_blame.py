"""What the server's own words blame for a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain.blame import Blame, blamed, places, without
from agent.domain.parts import Section
from tests.protocols.kube.recordings import recorded

ATTRIBUTES, CAPACITY, TAINTS = Section.ATTRIBUTES, Section.CAPACITY, Section.TAINTS
ENS1 = {
    "name": "ens1",
    "attributes": {"dra.net/alias": {"string": "x"}, "dra.net/nodes": {"ints": [0, 1]}},
    "capacity": {"dra.net/bandwidth": {"value": "1"}},
    "taints": [{"key": "a", "effect": "None"}, {"key": "b", "effect": "NoSchedule"}],
}
BODY: dict[str, Any] = {"spec": {"devices": [{"name": "ens0"}, ENS1]}}
HEAD = 'ResourceSlice.resource.k8s.io "00000-dra.net-node1" is invalid: '


@pytest.mark.parametrize(
    ("words", "blame"),
    [
        (
            "spec.devices[1].attributes[dra.net/alias].string: Too long: may not be more than 64 bytes",
            [Blame(device="ens1", place=(ATTRIBUTES, "dra.net/alias"))],
        ),
        (
            "spec.devices[1].basic.attributes[dra.net/alias].string: Too long: may not be more than 64 bytes",
            [Blame(device="ens1", place=(ATTRIBUTES, "dra.net/alias"))],
        ),
        (
            'spec.devices[1].attributes: Invalid value: "dra.net/alias": a valid C identifier must start with ...',
            [Blame(device="ens1", place=(ATTRIBUTES, "dra.net/alias"))],
        ),
        (
            'spec.devices[1].attributes[dra.net/nodes]: Invalid value: "": exactly one value must be specified',
            [Blame(device="ens1", place=(ATTRIBUTES, "dra.net/nodes"), no_lists=True)],
        ),
        (
            'spec.devices[1].attributes[dra.net/alias]: Invalid value: "": exactly one value must be specified',
            [Blame(device="ens1", place=(ATTRIBUTES, "dra.net/alias"))],
        ),
        (
            "spec.devices[1].capacity[dra.net/bandwidth].requestPolicy: Forbidden",
            [Blame(device="ens1", place=(CAPACITY, "dra.net/bandwidth"))],
        ),
        ('spec.devices[1].taints[1].effect: Unsupported value: "x"', [Blame(device="ens1", place=(TAINTS, "b"))]),
        ("spec.devices[1].taints: Too many: 17: must have at most 16 items", [Blame(device="ens1")]),
        ("spec.devices[1].attributes: Too long: may not be more than 32 bytes", [Blame(device="ens1")]),
        ("spec.devices[0]: Invalid value: 33: the total number of attributes ...", [Blame(device="ens0")]),
        (
            "[spec.devices[0].name: Invalid value: ..., spec.devices[1].taints[0].key: Invalid value: ...,"
            " spec.devices[1].taints[0].effect: ...]",
            [Blame(device="ens0"), Blame(device="ens1", place=(TAINTS, "a"))],
        ),
        ("spec.devices: Too many: 129: must have at most 128 items", []),
        ("spec.devices[7].name: Invalid value", []),
        ("spec.devices[1].taints[9].key: Invalid value", [Blame(device="ens1")]),
        ('admission webhook "policy.example" denied the request: no', []),
    ],
)
def test_paths_in_the_words_lead_to_devices_and_their_parts(words: str, blame: list[Blame]) -> None:
    assert list(blamed(HEAD + words, BODY)) == blame


def test_recorded_refusals_of_one_attribute_are_found() -> None:
    found = 0
    for line in recorded("resourceslice-validation"):
        body, message = line["request"].get("body"), line["response"].get("message", "")
        if line["what"] == "attribute null":  # which we never send
            continue
        if line["response"]["status"] == 422 and "spec.devices[0].attributes[s]" in message:
            assert blamed(message, body)[0].place == (ATTRIBUTES, "s"), line["what"]
            found += 1
        if line["response"]["status"] == 422 and "spec.devices[0].taints[0]" in message:
            assert blamed(message, body)[0].place == (TAINTS, body["spec"]["devices"][0]["taints"][0]["key"])
            found += 1
    assert found > 12


def test_a_device_without_some_of_its_places() -> None:
    assert places(ENS1) == (
        (ATTRIBUTES, "dra.net/alias"),
        (ATTRIBUTES, "dra.net/nodes"),
        (CAPACITY, "dra.net/bandwidth"),
        (TAINTS, "a"),
        (TAINTS, "b"),
    )
    assert without(ENS1, frozenset(places(ENS1)[1:4])) == {
        "name": "ens1",
        "attributes": {"dra.net/alias": {"string": "x"}},
        "capacity": {},
        "taints": [{"key": "b", "effect": "NoSchedule"}],
    }
