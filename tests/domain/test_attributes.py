"""Devices that an API server accepts, whatever the host says of them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.standin.api_slice_rules import require_types, slice_mistakes
from adapters.standin.api_stored import as_stored
from agent.domain.attributes import EVERYTHING, Features, publishable, render
from agent.domain.discovery.catalogue import FURTHER
from agent.domain.kept import timeless
from agent.domain.limits import quantity, shorten
from agent.domain.parts import Reason, Section
from agent.domain.slices import pool
from ports.cluster import Json
from ports.devices import AttributeValue, Device, Identity, Taint
from tests.support.openapi import mistakes

DRIVER = "dra.net"
OPENAPI, SLICE = "openapi-v3-resource.k8s.io-v1", "io.k8s.api.resource.v1.ResourceSlice"
NO_LISTS = Features(lists=False)


def made(attributes: dict[str, AttributeValue], name: str = "ens1", **more: Any) -> Device:
    return Device(name=name, identity=Identity(ifindex=3), interface="ens1", attributes=attributes, **more)


def rendered(
    attributes: dict[str, AttributeValue], features: Features = EVERYTHING, **more: Any
) -> tuple[Json, list[str]]:
    found = render(made(attributes, **more), DRIVER, features)
    return found.body, [str(loss) for loss in found.losses]


def test_each_value_gets_its_type() -> None:
    body, losses = rendered(
        {
            "dra.net/virtual": True,
            "dra.net/mtu": 1500,
            "dra.net/alias": "",
            "dra.net/nodes": (0, 1),
            "dra.net/names": ("a", "b"),
            "dra.net/flags": (True, False),
        },
        capacity={"dra.net/bandwidth": 100_000_000_000},
        taints=(Taint(key="dra.net/carrier-lost", effect="NoSchedule", value="x"),),
    )
    assert body == {
        "name": "ens1",
        "attributes": {
            "dra.net/alias": {"string": ""},
            "dra.net/flags": {"bools": [True, False]},
            "dra.net/mtu": {"int": 1500},
            "dra.net/names": {"strings": ["a", "b"]},
            "dra.net/nodes": {"ints": [0, 1]},
            "dra.net/virtual": {"bool": True},
        },
        "capacity": {"dra.net/bandwidth": {"value": "100G"}},
        "taints": [{"key": "dra.net/carrier-lost", "effect": "NoSchedule", "value": "x"}],
    }
    assert losses == []


def test_a_server_without_lists_gets_the_first_number_and_the_texts_as_one() -> None:
    body, losses = rendered({"dra.net/nodes": (1, 0), "dra.net/names": ("a", "b")}, NO_LISTS)
    assert body["attributes"] == {"dra.net/nodes": {"int": 1}, "dra.net/names": {"string": "a,b"}}
    assert losses == []


def test_a_field_that_the_server_drops_is_not_sent_and_no_loss_of_the_device() -> None:
    taint = Taint(key="dra.net/x", effect="NoSchedule")
    body, losses = rendered({"dra.net/mtu": 1}, Features(dropped=frozenset({"taints"})), taints=(taint,))
    assert (body, losses) == ({"name": "ens1", "attributes": {"dra.net/mtu": {"int": 1}}}, [])


@pytest.mark.parametrize(
    ("attributes", "taints", "extras"),
    [
        ({"dra.net/mtu": 1}, (), False),
        ({"dra.net/mtu": (1,)}, (), True),
        ({}, (Taint(key="a", effect="None"),), True),
        ({}, (Taint(key="not a key", effect="None"),), False),
    ],
)
def test_lists_and_taints_are_extras(
    attributes: dict[str, AttributeValue], taints: tuple[Taint, ...], extras: bool
) -> None:
    assert render(made(attributes, taints=taints), DRIVER).extras is extras


@pytest.mark.parametrize("value", [None, 1.5, [1], (1, (2,)), b"x"])
def test_a_value_of_no_type_that_there_is_costs_itself(value: Any) -> None:
    body, losses = rendered({"dra.net/odd": value, "dra.net/mtu": 1500})
    assert body["attributes"] == {"dra.net/mtu": {"int": 1500}}
    assert len(losses) == 1


def test_an_empty_list_says_nothing() -> None:
    assert rendered({"dra.net/names": ()}) == ({"name": "ens1"}, [])


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
        ("é" * 33, "é" * 32),
        ("x" + "é" * 32, "x" + "é" * 31),
        ("192.0.2.10/24," * 5, "192.0.2.10/24," * 3 + "192.0.2.10/24"),
        ("a" * 64 + ",b", "a" * 64),
        ("\udc80", "?"),
    ],
)
def test_long_text_is_cut_where_it_still_makes_sense(text: str, short: str) -> None:
    assert shorten(text) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (1000, "1k"), (1500, "1500"), (25 * 10**9, "25G"), (10**18, "1E"), (10**21, "1000E"),
    ],
)  # fmt: skip
def test_quantities_are_as_the_server_writes_them(value: int, text: str) -> None:
    assert quantity(value) == text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("dra.net/if-name", "x", "no identifier"),
        ("dra.net/" + "a" * 33, "x", "no identifier"),
        ("/a", "x", "no identifier"),
        ("dra.net/", "x", "no identifier"),
        ("d" * 64 + "/a", "x", "no identifier"),
        ("dra.net/big", 2**63, "64 bits"),
        ("dra.net/small", -(2**63) - 1, "64 bits"),
        ("dra.net/mixed", (1, "a"), "list of one of them"),
        ("dra.net/mixed", (1, True), "list of one of them"),
        ("dra.net/list", (1, 2**63), "64 bits"),
    ],
)
def test_an_attribute_that_would_be_refused_is_left_out_and_told(name: str, value: AttributeValue, words: str) -> None:
    body, losses = rendered({name: value, "dra.net/ok": 1})
    assert body["attributes"] == {"dra.net/ok": {"int": 1}}
    assert len(losses) == 1
    assert words in losses[0]
    assert losses[0].startswith(f"device ens1: attribute {name} left out: ")


@pytest.mark.parametrize("size", [-1, 2**63])
def test_a_capacity_that_is_none_is_left_out(size: int) -> None:
    body, losses = rendered({}, capacity={"dra.net/bandwidth": size})
    assert body == {"name": "ens1"}
    assert losses == ["device ens1: capacity dra.net/bandwidth left out: no number from 0 to 2^63"]


def test_a_taint_is_kept_without_a_value_that_is_none_and_left_out_without_a_key_that_is_one() -> None:
    body, losses = rendered(
        {},
        taints=(
            Taint(key="ok", effect="None", value="a b"),
            Taint(key="a b", effect="None"),
            Taint(key="c", effect="x"),
        ),
    )
    assert body["taints"] == [{"key": "ok", "effect": "None"}]
    assert [
        words in loss for words, loss in zip(("without its value", "no qualified", "none of"), losses, strict=True)
    ] == [True] * 3


def test_of_too_many_taints_the_gravest_stay() -> None:
    taints = tuple(Taint(key=f"k{number}", effect="None") for number in range(16))
    body, losses = rendered({}, taints=(*taints, Taint(key="grave", effect="NoExecute")))
    assert len(body["taints"]) == 16
    assert body["taints"][0] == {"key": "grave", "effect": "NoExecute"}
    assert [loss.partition(" left")[0] for loss in losses] == ["device ens1: taint k15"]


def test_of_too_many_attributes_those_stay_that_classes_select_by() -> None:
    attributes: dict[str, AttributeValue] = {f"aaa.example/a{index:02}": index for index in range(40)}
    first: dict[str, AttributeValue] = {
        "resource.kubernetes.io/pcieRoot": "pci0000:00",
        "dra.net/ifName": "ens1",
        "dra.net/mtu": 1500,
    }
    found = render(made(attributes | first, capacity={"dra.net/bandwidth": 1}), DRIVER)
    kept = found.body["attributes"]
    assert first.keys() <= kept.keys()
    assert found.body["capacity"] == {"dra.net/bandwidth": {"value": "1"}}
    assert len(kept) == 31
    assert {loss.reason for loss in found.losses} == {Reason.COUNT}
    assert len(found.losses) == 12


def test_what_is_merely_good_to_know_makes_room_for_what_somebody_added_without_a_word() -> None:
    further: dict[str, AttributeValue] = {f"dra.net/{known.name}": "x" for known in FURTHER}
    added: dict[str, AttributeValue] = {f"aaa.example/a{index:02}": index for index in range(31)}
    found = render(made(further | added), DRIVER)
    assert found.body["attributes"].keys() == added.keys() | {f"dra.net/{FURTHER[0].name}"}
    assert found.losses == ()


def test_a_list_that_is_too_long_for_the_rest_is_sent_as_one_value() -> None:
    body, losses = rendered({"dra.net/aaa": tuple(range(40)), "dra.net/bbb": tuple(range(40))})
    assert body["attributes"] == {"dra.net/aaa": {"ints": list(range(40))}, "dra.net/bbb": {"int": 0}}
    assert losses == []


def test_what_the_server_refused_before_is_left_out() -> None:
    found = render(made({"dra.net/a": 1, "dra.net/b": 2}), DRIVER, refused={(Section.ATTRIBUTES, "dra.net/a")})
    assert found.body["attributes"] == {"dra.net/b": {"int": 2}}
    assert [(loss.name, loss.reason) for loss in found.losses] == [("dra.net/a", Reason.REFUSED)]


def test_devices_are_in_order_each_name_once_and_well_named() -> None:
    devices, losses = publishable(
        (made({}, "b"), made({"dra.net/mtu": 1}, "a"), made({}, "a"), made({}, "Bad"), made({}, "x.y"))
    )
    assert [device.name for device in devices] == ["a", "b"]
    assert devices[0].attributes == {"dra.net/mtu": 1}
    assert [loss.device for loss in losses] == ["Bad", "a", "x.y"]
    assert str(losses[0]) == "device Bad left out: its name is no DNS label"


IDENTIFIERS = ("a", "Z_9", "x" * 32, "x" * 33, "9a", "if-name", "", "é")
DOMAINS = ("", "dra.net/", "resource.kubernetes.io/", "X.example/", "d" * 63 + "/", "d" * 64 + "/", "/", "a..b/")
TEXTS = ("", "a", "x" * 64, "x" * 65, "é" * 33, "a,b" * 30, "\udc80", "\x00", "a b")
NUMBERS = (0, 1, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30)
KEYS = ("dra.net/x", "x", "a b", "", "A_b.c", "x" * 63, "x" * 64, "P/x", "-x", "a/b/c")
EFFECTS = ("None", "NoSchedule", "NoExecute", "", "PreferNoSchedule")


def any_device(dice: random.Random) -> Device:
    """Anything that the types allow, most of it at a limit."""

    def name() -> str:
        return dice.choice(DOMAINS) + dice.choice((*IDENTIFIERS, f"a{dice.randrange(99)}"))

    def value() -> AttributeValue:
        kinds = ((True, False), NUMBERS, TEXTS, (*TEXTS, *NUMBERS, True))
        kind: tuple[str | int, ...] = dice.choice(kinds)
        return tuple(dice.choices(kind, k=dice.randrange(50))) if dice.random() < 0.3 else dice.choice(kind)

    return Device(
        name=dice.choice(("ens1", "ens2", "Bad", "x.y", "", "a" * 63, "a" * 64)),
        identity=Identity(ifindex=3),
        interface="ens1",
        attributes={name(): value() for _ in range(dice.randrange(60))},
        capacity={name(): dice.choice(NUMBERS) for _ in range(dice.randrange(12))},
        taints=tuple(
            Taint(key=dice.choice(KEYS), effect=dice.choice(EFFECTS), value=dice.choice(KEYS))
            for _ in range(dice.randrange(30))
        ),
    )


@pytest.mark.parametrize("features", [EVERYTHING, NO_LISTS])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_host_says_the_server_accepts_and_stores_it_as_it_was_sent(features: Features, seed: int) -> None:
    dice = random.Random(seed)
    devices = [any_device(dice) for _ in range(4)]
    named, nameless = publishable(devices)
    assert len(named) + len(nameless) == len(devices)
    found = pool([render(device, DRIVER, features) for device in named], DRIVER, "node1", "uid", {})
    (page,) = found.pages.values()
    spec = {
        "driver": DRIVER,
        "nodeName": "node1",
        "pool": {"name": "node1", "generation": 1, "resourceSliceCount": 1},
        "devices": list(page),
    }
    require_types(spec)
    assert slice_mistakes(spec) == []
    assert mistakes(OPENAPI, SLICE, {"metadata": {"name": "x"}, "spec": spec}) == []
    stored = as_stored(spec, set() if features.lists else {"strings", "ints", "bools"})
    assert [timeless(device) for device in stored.get("devices", [])] == list(page)
