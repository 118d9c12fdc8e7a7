"""What a claim says of offloads and eBPF programs, as steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.planning import plan
from ports.devices import LinkFacts, Offloads, Switch
from ports.errors import Failure
from ports.plan import RemovePrograms, SetOffloads, SetUp, Step
from tests.domain.values import CLAIM, POD, configured, facts

CHECKSUM, SEGMENTATION, SEGMENTATION6 = "tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation"
CARD = Offloads(
    features=(
        Switch(name="rx-gro", on=False),
        Switch(name=CHECKSUM, on=True),
        Switch(name=SEGMENTATION, on=True),
        Switch(name=SEGMENTATION6, on=False),
    ),
    flags=(Switch(name="legacy-rx", on=False), Switch(name="link-down-on-close", on=True)),
    fixed=(Switch(name="highdma", on=True), Switch(name="rx-lro", on=False)),
)


def _card() -> LinkFacts:
    return replace(facts(), offloads=CARD)


def _steps(**parameters: Any) -> tuple[Step, ...]:
    made = plan(CLAIM, POD, (configured("ens1", **parameters),), {"ens1": _card()})
    return made.devices[0].steps


def _switching(**ethtool: Any) -> SetOffloads | None:
    return next((step for step in _steps(ethtool=ethtool) if isinstance(step, SetOffloads)), None)


def test_what_is_so_already_makes_no_step() -> None:
    assert _switching(features={CHECKSUM: True, "gro": False}, privateFlags={"legacy-rx": False}) is None


def test_a_wish_is_switched_as_a_whole_with_what_was_there_before() -> None:
    step = _switching(features={CHECKSUM: False, SEGMENTATION: True})
    assert step is not None
    assert step.offloads.features == (Switch(name=CHECKSUM, on=False), Switch(name=SEGMENTATION, on=True))
    assert step.before.features == (Switch(name=CHECKSUM, on=True), Switch(name=SEGMENTATION, on=True))


def test_an_alias_means_all_features_that_it_covers() -> None:
    step = _switching(features={"tso": True})
    assert step is not None
    assert step.offloads.features == (Switch(name=SEGMENTATION, on=True), Switch(name=SEGMENTATION6, on=True))
    assert step.before.features == (Switch(name=SEGMENTATION, on=True), Switch(name=SEGMENTATION6, on=False))


def test_flags_and_features_are_wished_apart() -> None:
    step = _switching(features={CHECKSUM: True}, privateFlags={"legacy-rx": True})
    assert step == SetOffloads(
        offloads=Offloads(flags=(Switch(name="legacy-rx", on=True),)),
        before=Offloads(flags=(Switch(name="legacy-rx", on=False),)),
    )


def test_what_is_fixed_as_it_is_wished_makes_no_step_and_is_not_written_down() -> None:
    wish = {"features": {"lro": False, "rx-lro": False, "highdma": True}}
    made = plan(CLAIM, POD, (configured("ens1", ethtool=wish),), {"ens1": _card()})
    assert not [step for step in made.devices[0].steps if isinstance(step, SetOffloads)]
    assert made.devices[0].before.offloads == replace(CARD, fixed=())


@pytest.mark.parametrize(
    ("ethtool", "path"),
    [
        ({"features": {"rx-all": True}}, "ethtool.features.rx-all"),
        ({"features": {"lro": True}}, "ethtool.features.lro: cannot be switched on"),
        ({"features": {"highdma": False}}, "ethtool.features.highdma: cannot be switched off"),
        ({"privateFlags": {"warp": True}}, "ethtool.privateFlags.warp"),
    ],
)
def test_a_name_that_this_card_does_not_have_is_refused_with_its_path(ethtool: dict[str, Any], path: str) -> None:
    with pytest.raises(Failure, match=path):
        _steps(ethtool=ethtool)


def test_programs_are_removed_before_the_interface_goes_up_and_only_where_asked() -> None:
    steps = _steps(interface={"disableEbpfPrograms": True})
    assert steps.index(RemovePrograms()) < steps.index(SetUp())
    assert RemovePrograms() not in _steps(interface={"disableEbpfPrograms": False})
    assert RemovePrograms() not in _steps()
