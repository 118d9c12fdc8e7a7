"""The node's configuration: strict, with the path of every mistake; and which devices its selectors mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.nodeconfig import (
    EMPTY,
    DenyList,
    InvalidConfig,
    NodeConfig,
    Selector,
    Traits,
    decode,
    deny_list,
    extra_attributes,
    is_selected,
    multus_resource,
)
from tests.ports.test_netconfig import JSON

DRIVER = "dra.net"
HEAD = {"apiVersion": "knd/v1", "kind": "NodeConfiguration"}
SELECTOR = {
    "interfaces": ["ens*f0"],
    "pciAddresses": ["0000:3B:00.*"],
    "drivers": ["mlx5_core"],
    "vendors": ["15B3"],
    "devices": ["101d"],
    "macs": ["02-00-5e-10-00-01"],
}
EVERYTHING: dict[str, Any] = HEAD | {
    "devices": {"select": [SELECTOR], "exclude": [{"interfaces": ["docker*"]}]},
    "deny": [{"macs": ["02:00:00:00:00:02"]}],
    "attributes": [{"match": SELECTOR, "set": {"example.com/rail": 3, "example.com/zone": "a", "example.com/x": True}}],
    "multus": [{"match": {"drivers": ["ice"]}, "resourceName": "intel.com/sriov"}],
    "health": {
        "carrierLost": {"taint": "NoExecute", "afterSeconds": 30},
        "linkFlapping": {"taint": "None", "changes": 3, "withinSeconds": 10, "quietSeconds": 20},
        "rdmaNotActive": {"taint": "Disabled", "afterSeconds": 0},
        "pciErrors": {"taint": "NoSchedule", "quietSeconds": 60},
        "gone": {"taint": "NoSchedule"},
    },
}
CARD = Traits(
    names=("ens1f0", "rail0"),
    pci_address="0000:3b:00.1",
    driver="mlx5_core",
    vendor="15b3",
    device="101d",
    macs=("02:00:5e:10:00:01",),
)


def read(**content: Any) -> NodeConfig:
    return decode((HEAD | content,), DRIVER)


def mistakes(**content: Any) -> str:
    with pytest.raises(InvalidConfig) as caught:
        read(**content)
    return str(caught.value)


def test_a_file_that_uses_every_field_is_read() -> None:
    config = decode((EVERYTHING,), DRIVER)
    assert config.devices.select == (Selector(**{key: tuple(value) for key, value in SELECTOR.items()}),)
    assert config.health.carrierLost.taint == "NoExecute"
    assert config.health.gone.afterSeconds == 1
    assert config.health.linkFlapping.changes == 3


def test_a_file_that_says_nothing_means_all_devices() -> None:
    assert read() == EMPTY
    assert is_selected(EMPTY, CARD)
    assert is_selected(EMPTY, Traits())
    assert not deny_list(EMPTY).denies(CARD)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"device": {}}, "unknown key device (did you mean devices?)"),
        ({"apiVersion": "knd/v2"}, "apiVersion: 'knd/v2' is none of knd/v1"),
        ({"deny": [{}]}, "deny[0]: names nothing"),
        ({"deny": {"macs": []}}, "deny: expected a list, got dict"),
        ({"devices": {"select": [{"drivers": []}]}}, "devices.select[0].drivers: is empty"),
        ({"devices": {"select": [{"interfaces": ["a" * 65]}]}}, "devices.select[0].interfaces[0]: 'aaaa"),
        ({"deny": [{"pciAddresses": ["3b:00.0"]}]}, "deny[0].pciAddresses[0]: '3b:00.0' is no PCI address"),
        ({"deny": [{"vendors": [8086]}]}, "deny[0].vendors[0]: expected text, got int"),
        ({"deny": [{"vendors": ["0x15b3"]}]}, "deny[0].vendors[0]: '0x15b3' is no PCI id"),
        ({"deny": [{"macs": ["02:00"]}]}, "deny[0].macs[0]: '02:00' is no MAC address"),
        ({"attributes": [{"match": {}}]}, "attributes[0].set: is needed"),
        ({"attributes": [{"set": {"rail": 1}}]}, "attributes[0].set: 'rail' has no domain"),
        ({"attributes": [{"set": {"dra.net/ifName": "x"}}]}, "the domain of 'dra.net/ifName' is reserved"),
        ({"attributes": [{"set": {"resource.kubernetes.io/a": 1}}]}, "'resource.kubernetes.io/a' is reserved"),
        ({"attributes": [{"set": {"k8s.cni.cncf.io/a": 1}}]}, "'k8s.cni.cncf.io/a' is reserved"),
        ({"attributes": [{"set": {"example.com/a-b": 1}}]}, "'example.com/a-b' is no qualified name"),
        ({"attributes": [{"set": {"example.com/a": "x" * 65}}]}, "attributes[0].set.example.com/a: is longer than 64"),
        ({"attributes": [{"set": {"example.com/a": 1 << 63}}]}, "attributes[0].set.example.com/a: does not fit"),
        ({"attributes": [{"set": {"example.com/a": 1.5}}]}, "attributes[0].set.example.com/a: expected"),
        ({"multus": [{}]}, "multus[0].resourceName: is needed"),
        ({"health": {"carrierLost": {"taint": "Evict"}}}, "health.carrierLost.taint: 'Evict' is none of NoSchedule"),
        ({"health": {"gone": {"afterSeconds": -1}}}, "health.gone.afterSeconds: -1 is below 0"),
        ({"health": {"linkFlapping": {"changes": 1}}}, "health.linkFlapping.changes: 1 is below 2"),
    ],
)
def test_a_mistake_is_told_with_its_path(content: dict[str, Any], told: str) -> None:
    assert told in mistakes(**content)


def test_a_file_without_version_and_kind_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"^apiVersion: is needed; kind: is needed$"):
        decode(({},), DRIVER)


def test_while_a_file_cannot_be_read_everything_is_denied() -> None:
    assert deny_list(None).denies(CARD)
    assert deny_list(None).denies(Traits())


@pytest.mark.parametrize("documents", [(), ([],), ("text",), (None, None)])
def test_what_is_no_one_map_is_refused(documents: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidConfig):
        decode(documents, DRIVER)


def test_all_mistakes_are_told_at_once() -> None:
    assert mistakes(deny=[{"macs": ["x"]}, {"vendors": ["y"]}], multus=[{}]).count(";") == 2


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
    try:
        config = decode((_replaced(EVERYTHING, path, value),), DRIVER)
    except InvalidConfig as error:
        assert all(mistake.path and mistake.reason for mistake in error.mistakes)
    else:
        is_selected(config, CARD)
        extra_attributes(config, CARD)


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (Selector(), True),
        (Selector(interfaces=("ens?f0",)), True),
        (Selector(interfaces=("eth0", "rail0")), True),
        (Selector(interfaces=("ens1",)), False),
        (Selector(pciAddresses=("0000:3B:00.1",)), True),
        (Selector(pciAddresses=("0000:3c:*",)), False),
        (Selector(drivers=("mlx*",)), True),
        (Selector(vendors=("15B3",), devices=("101d", "101e")), True),
        (Selector(vendors=("15b3",), devices=("101e",)), False),
        (Selector(macs=("02-00-5E-10-00-01",)), True),
        (Selector(macs=("02:00:5e:10:00:02",)), False),
        (Selector(macs=("0200.5e10.0001",)), True),
    ],
)
def test_every_field_that_is_given_must_fit(selector: Selector, fits: bool) -> None:
    assert DenyList((selector,)).denies(CARD) is fits


def test_what_is_not_known_of_a_device_fits_no_selector_that_asks_for_it() -> None:
    for key in ("interfaces", "pciAddresses", "drivers"):
        assert not DenyList((Selector(**{key: ("*",)}),)).denies(Traits())


def test_a_device_is_published_that_is_selected_and_neither_excluded_nor_denied() -> None:
    mlx, first = {"drivers": ["mlx*"]}, {"interfaces": ["ens1f0"]}
    assert is_selected(read(devices={"select": [{"drivers": ["ice"]}, mlx]}), CARD)
    assert not is_selected(read(devices={"select": [{"drivers": ["ice"]}]}), CARD)
    assert not is_selected(read(devices={"select": []}), CARD)
    assert not is_selected(read(devices={"select": [mlx], "exclude": [first]}), CARD)
    assert not is_selected(read(deny=[first]), CARD)


def test_the_later_of_two_attributes_wins_and_the_first_resource_name() -> None:
    config = read(
        attributes=[
            {"set": {"example.com/a": 1, "example.com/b": 1}},
            {"match": SELECTOR, "set": {"example.com/a": 2}},
        ],
        multus=[
            {"match": {"drivers": ["ice"]}, "resourceName": "a/b"},
            {"resourceName": "c/d"},
            {"resourceName": "e/f"},
        ],
    )
    assert extra_attributes(config, CARD) == {"example.com/a": 2, "example.com/b": 1}
    assert extra_attributes(config, Traits()) == {"example.com/a": 1, "example.com/b": 1}
    assert multus_resource(config, CARD) == "c/d"
    assert multus_resource(EMPTY, CARD) == ""
