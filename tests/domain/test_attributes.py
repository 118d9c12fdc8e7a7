"""Devices that an API server accepts, whatever the host says of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.attributes import clean, shorten
from ports.cluster import Json
from ports.devices import AttributeValue, Device, Identity

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
QUALIFIED = re.compile(r"([a-z0-9.-]{1,63}/)?[A-Za-z_][A-Za-z0-9_]{0,31}")


def made(attributes: dict[str, AttributeValue], name: str = "ens1") -> Device:
    return Device(name=name, identity=Identity(ifindex=3), interface="ens1", attributes=attributes)


def cleaned(attributes: dict[str, AttributeValue]) -> tuple[Json, tuple[str, ...]]:
    devices, notes = clean((made(attributes),))
    kept: Json = devices[0].get("attributes", {})
    return kept, notes


def test_each_value_gets_its_type() -> None:
    kept, notes = cleaned({"dra.net/virtual": True, "dra.net/mtu": 1500, "dra.net/ifName": "ens1", "dra.net/alias": ""})
    assert kept == {
        "dra.net/virtual": {"bool": True},
        "dra.net/mtu": {"int": 1500},
        "dra.net/ifName": {"string": "ens1"},
        "dra.net/alias": {"string": ""},
    }
    assert notes == ()


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
    ("name", "value", "words"),
    [
        ("dra.net/if-name", "x", "no identifier"),
        ("dra.net/" + "a" * 33, "x", "no identifier"),
        ("/a", "x", "no identifier"),
        ("dra.net/", "x", "no identifier"),
        ("d" * 64 + "/a", "x", "no identifier"),
        ("dra.net/big", 2**63, "64 bits"),
        ("dra.net/small", -(2**63) - 1, "64 bits"),
    ],
)
def test_an_attribute_that_would_be_refused_is_left_out_and_noted(name: str, value: AttributeValue, words: str) -> None:
    kept, notes = cleaned({name: value, "dra.net/ok": 1})
    assert kept == {"dra.net/ok": {"int": 1}}
    assert len(notes) == 1
    assert words in notes[0]
    assert "device ens1" in notes[0]


def test_more_than_32_attributes_are_too_many() -> None:
    kept, notes = cleaned({f"dra.net/a{index:02}": index for index in range(33)})
    assert len(kept) == 32
    assert "dra.net/a32 left out" in notes[0]


def test_devices_are_in_order_each_name_once_and_well_named() -> None:
    devices, notes = clean(
        (made({}, "b"), made({"dra.net/mtu": 1}, "a"), made({}, "a"), made({}, "Bad"), made({}, "x.y"))
    )
    assert [device["name"] for device in devices] == ["a", "b"]
    assert devices[0]["attributes"] == {"dra.net/mtu": {"int": 1}}
    assert "attributes" not in devices[1]
    assert len(notes) == 3


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=90) | st.integers() | st.booleans(), max_size=40))
def test_nothing_that_is_kept_breaks_a_limit(attributes: dict[str, AttributeValue]) -> None:
    kept, _ = cleaned(attributes)
    assert len(kept) <= 32
    for name, value in kept.items():
        assert QUALIFIED.fullmatch(name)
        assert len(value) == 1
        assert len(str(value.get("string", "")).encode()) <= 64
        assert -(2**63) <= value.get("int", 0) < 2**63


@given(st.lists(st.text(st.sampled_from("ab-A."), max_size=4), max_size=8))
def test_names_are_labels_and_unique(names: list[str]) -> None:
    devices, notes = clean(tuple(made({}, name) for name in names))
    kept = [device["name"] for device in devices]
    assert kept == sorted(set(kept))
    assert all(LABEL.fullmatch(name) for name in kept)
    assert len(kept) + len(notes) == len(names)
