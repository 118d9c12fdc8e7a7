"""Plain forms: what is written is read back equal, and nothing else is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.devices import Address, Device, Identity, Link, LinkFacts, Route, Taint
from ports.plain import Malformed, parse, plain
from ports.plan import (
    AddAddress,
    AddRoute,
    ClaimRef,
    DevicePlan,
    Move,
    Plan,
    PodRef,
    Release,
    Rename,
    SetMac,
    SetMtu,
    SetUp,
    Step,
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    size: int
    kind: Literal["left"] = "left"


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    label: str | None = None
    kind: Literal["right"] = "right"


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    items: tuple[Left | Right, ...]
    colour: Colour = Colour.RED
    sizes: Mapping[str, int | str] | None = None
    weight: float = 0.5
    raw: bytes = b""


texts = st.text(max_size=20)
addresses = st.builds(Address, prefix=texts, scope=st.integers(0, 255))
routes = st.builds(Route, destination=texts, gateway=st.none() | texts, metric=st.integers(0, 2**32 - 1))
links = st.builds(
    Link,
    identity=st.builds(Identity, ifindex=st.integers(1, 2**31), link_kind=texts, pci_address=st.none() | texts),
    name=texts,
    mac=texts,
    mtu=st.integers(0, 65535),
    up=st.booleans(),
    master=st.none() | st.integers(1, 100),
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.just(Release()),
    st.builds(Move, temporary_name=texts),
    st.builds(Rename, name=texts),
    st.builds(SetMtu, mtu=st.integers(), before=st.integers()),
    st.builds(SetMac, mac=texts, before=texts),
    st.builds(AddAddress, address=addresses),
    st.just(SetUp()),
    st.builds(AddRoute, route=routes),
)
device_plans = st.builds(
    DevicePlan,
    request=texts,
    pool=texts,
    device=texts,
    before=st.builds(LinkFacts, link=links, addresses=st.lists(addresses, max_size=3).map(tuple)),
    steps=st.lists(steps, max_size=6).map(tuple),
)
plans = st.builds(
    Plan,
    claim=st.builds(ClaimRef, namespace=texts, name=texts, uid=texts),
    pod=st.builds(PodRef, namespace=texts, name=texts, uid=texts),
    devices=st.lists(device_plans, max_size=3).map(tuple),
)


@given(plans)
def test_a_plan_survives_its_plain_form(plan: Plan) -> None:
    assert parse(Plan, plain(plan)) == plan


def test_defaults_fill_what_is_not_given() -> None:
    assert parse(Box, {"items": [{"kind": "right"}]}) == Box(items=(Right(),))


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        ([], "$", "expected a map"),
        ({}, "$", "missing key items"),
        ({"items": [], "extra": 1}, "$", "unknown key extra"),
        ({"items": [], 3: 1}, "$", "expected text as key"),
        ({"items": "ab"}, "$.items", "expected a list"),
        ({"items": [{"kind": "up"}]}, "$.items[0].kind", "expected one of left, right"),
        ({"items": [{"size": 1}]}, "$.items[0].kind", "got null"),
        ({"items": [{"kind": "left", "size": "1"}]}, "$.items[0].size", "expected an integer, got '1'"),
        ({"items": [{"kind": "left", "size": True}]}, "$.items[0].size", "expected an integer, got bool"),
        ({"items": [{"kind": "left", "size": 1.0}]}, "$.items[0].size", "expected an integer, got float"),
        ({"items": [], "colour": "blue"}, "$.colour", "expected one of red"),
        ({"items": [], "colour": ["red"]}, "$.colour", "expected one of red"),
        ({"items": [], "sizes": {"a": 1.5}}, "$.sizes.a", "expected text or an integer"),
        ({"items": [], "sizes": {1: 1}}, "$.sizes", "expected text as key"),
        ({"items": [], "weight": "much"}, "$.weight", "expected a number"),
        ({"items": [], "raw": "text"}, "$.raw", "expected bytes"),
        ({"items": None}, "$.items", "expected a list, got null"),
    ],
)
def test_anything_else_is_refused_with_its_path(data: Any, path: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(Box, data)
    assert caught.value.path == path
    assert reason in caught.value.reason


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda c: st.lists(c) | st.dictionaries(texts, c))
)
def test_arbitrary_data_is_parsed_or_refused_and_never_crashes(data: Any) -> None:
    try:
        assert isinstance(parse(Plan, data), Plan)
    except Malformed as error:
        assert error.path.startswith("$")


def test_a_value_without_a_plain_form_is_refused_when_written() -> None:
    with pytest.raises(TypeError, match="no plain form for set"):
        plain({1, 2})


DEVICE = Device(
    name="eth1",
    identity=Identity(ifindex=3),
    interface="eth1",
    attributes={"text": "a", "number": 7, "truth": True, "list": ("a", 1)},
    capacity={"bandwidth": 10**9},
    taints=(Taint(key="dra.net/carrier", effect="NoSchedule", value="lost"),),
)


def test_an_attribute_is_a_scalar_or_a_list_of_texts_and_numbers() -> None:
    assert parse(Device, plain(DEVICE)) == DEVICE


def test_a_list_in_a_list_is_refused_with_its_path() -> None:
    with pytest.raises(Malformed, match=r"attributes\.x\[1\]"):
        parse(Device, {**plain(DEVICE), "attributes": {"x": ["a", ["b"]]}})
