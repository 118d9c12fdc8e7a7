"""Which devices a filter keeps, in DRANET's syntax."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from adapters.cel.filter import Filter
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.options import DEFAULT_FILTER

CARD: Mapping[str, AttributeValue] = {
    "dra.net/ifName": "ens1",
    "dra.net/type": "device",
    "dra.net/virtual": False,
    "dra.net/mtu": 9000,
}
VETH: Mapping[str, AttributeValue] = {
    **CARD,
    "dra.net/ifName": "veth0",
    "dra.net/type": "veth",
    "dra.net/virtual": True,
}


def test_the_default_filter_hides_veth_and_nothing_else() -> None:
    default = Filter(DEFAULT_FILTER)
    assert default.keeps(CARD)
    assert not default.keeps(VETH)
    assert default.keeps({"dra.net/rdma": True})


@pytest.mark.parametrize("expression", ["", "  ", "true"])
def test_an_empty_filter_keeps_all(expression: str) -> None:
    assert Filter(expression).keeps(VETH)


@pytest.mark.parametrize(
    ("expression", "card", "veth"),
    [
        ('attributes["dra.net/virtual"].BoolValue == false', True, False),
        ('attributes["dra.net/mtu"].IntValue > 1500', True, True),
        ('attributes["dra.net/ifName"].StringValue.startsWith("en")', True, False),
        ('attributes["dra.net/ifName"].StringValue.matches("^veth[0-9]+$")', False, True),
        ('attributes["dra.net/type"].StringValue in ["device", "bond"]', True, False),
        ('"dra.net/rdma" in attributes', False, False),
        ('attributes.exists(name, name == "dra.net/mtu")', True, True),
        ('attributes["dra.net/mtu"].StringValue == ""', True, True),
        ('attributes["dra.net/type"].VersionValue == "" && attributes["dra.net/type"].IntValue == 0', True, True),
    ],
)
def test_fields_have_dranets_names(expression: str, card: bool, veth: bool) -> None:
    chosen = Filter(expression)
    assert (chosen.keeps(CARD), chosen.keeps(VETH)) == (card, veth)


@pytest.mark.parametrize(
    "expression",
    [
        'attributes["dra.net/rdma"].BoolValue',
        'attributes["dra.net/type"].StringValue',
        'attributes["dra.net/mtu"].IntValue / 0 == 1',
        'attributes["dra.net/mtu"].IntValue == 1 || attributes["dra.net/type"].StringValue.matches("(")',
    ],
)
def test_an_expression_that_fails_for_a_device_says_so(expression: str) -> None:
    chosen = Filter(expression)
    for device in (CARD, VETH):
        with pytest.raises(Failure, match="filter") as caught:
            chosen.keeps(device)
        assert caught.value.code is Code.INVALID
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ('attributes["dra.net/nodes"].IntValues.exists(node, node == 1)', True),
        ('1 in attributes["dra.net/nodes"].IntValues', True),
        ('attributes["dra.net/names"].StringValues == ["a", "b"]', True),
        ('attributes["dra.net/flags"].BoolValues[0]', True),
        ('attributes["dra.net/names"].StringValue == "" && attributes["dra.net/names"].IntValues.size() == 0', True),
        ('attributes["dra.net/mtu"].IntValues.size() == 0', True),
        ('attributes["dra.net/none"].StringValues.size() == 0', True),
        ('attributes["dra.net/names"].VersionValues.size() > 0', False),
    ],
)
def test_lists_have_fields_of_their_own(expression: str, kept: bool) -> None:
    lists: Mapping[str, AttributeValue] = {
        **CARD,
        "dra.net/nodes": (0, 1),
        "dra.net/names": ("a", "b"),
        "dra.net/flags": (True,),
        "dra.net/none": (),
    }
    assert Filter(expression).keeps(lists) is kept


def test_the_engine_is_loaded_once_whoever_asks_and_only_when_needed() -> None:
    code = """
import sys
from adapters.cel import engine
from adapters.cel.filter import Filter
assert Filter("").keeps({}) and "cel.cel" not in sys.modules
first = engine.load()
assert engine.load() is first and Filter("true").keeps({})
import cel
assert cel.compile("1 == 1").execute({})
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "expression",
    [
        "1 +",
        ")(",
        'device.attributes["dra.net"].mtu > 1',
        "nonsense(attributes)",
        'attributes["dra.net/mtu"].Int64Value > 1',
        'true || attributes["dra.net/mtu"].stringValue == "a"',
    ],
)
def test_an_expression_that_can_never_work_is_invalid(expression: str) -> None:
    with pytest.raises(Failure) as caught:
        Filter(expression)
    assert caught.value.code is Code.INVALID
    assert "\n" not in str(caught.value)
