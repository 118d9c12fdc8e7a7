"""Which devices a filter keeps, in DRANET's syntax."""

from __future__ import annotations

import logging
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
def test_a_device_for_which_the_filter_fails_is_not_published_and_said_once(
    expression: str, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = Filter(expression)
    with caplog.at_level(logging.WARNING, "knd.filter"):
        assert [chosen.keeps(CARD) for _ in range(3)] == [False] * 3
        assert not chosen.keeps(VETH)
    assert ["ens1" in line for line in caplog.messages] == [True, False]
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("expression", ["1 +", ")(", 'device.attributes["dra.net"].mtu > 1', "nonsense(attributes)"])
def test_an_expression_that_can_never_work_is_invalid(expression: str) -> None:
    with pytest.raises(Failure) as caught:
        Filter(expression)
    assert caught.value.code is Code.INVALID
    assert "\n" not in str(caught.value)
