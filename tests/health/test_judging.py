"""Whether a device is well: the table of what is seen and when, and what holds for any course of events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.health import NEW, Memory, Seen, Verdict, judge, taints
from agent.domain.health.judging import ABSENT, SETTLING
from ports.devices import Taint
from ports.health import Condition, Status
from ports.nodeconfig import Flapping, Health, Lasting, PciErrors
from ports.vitals import Vitals

WELL = Vitals(up=True, carrier=True, losses=3, errors=(0, 0))
LOST = replace(WELL, carrier=False, losses=4)
POLICY = Health(
    carrierLost=Lasting(afterSeconds=10),
    linkFlapping=Flapping(changes=3, withinSeconds=60, quietSeconds=20, taint="NoExecute"),
    pciErrors=PciErrors(quietSeconds=100, taint="None"),
    gone=Lasting(taint="Disabled", afterSeconds=0),
)
C = Condition


class Device:
    """A device that is looked at again and again."""

    def __init__(self, policy: Health = POLICY) -> None:
        self.memory: Memory = NEW
        self.policy = policy
        self.verdict = Verdict(status=Status.UNKNOWN)

    def at(self, now: float, vitals: Vitals | None, place: str = "host", known: bool = True) -> list[Condition]:
        seen = Seen(place=place, vitals=vitals, known=known)
        self.memory, self.verdict = judge(self.memory, seen, now, self.policy)
        return [finding.condition for finding in self.verdict.findings]

    def taints(self) -> list[tuple[str, str]]:
        return [(taint.key, taint.effect) for taint in taints(self.verdict, self.policy, "dra.net")]


@pytest.mark.parametrize(
    ("vitals", "wrong"),
    [
        (WELL, []),
        (Vitals(), []),
        (replace(WELL, carrier=None), []),
        (replace(WELL, carrier=False), [C.CARRIER_LOST]),
        (replace(WELL, carrier=False, up=False), []),
        (replace(WELL, idle_ports=("mlx5_0 port 1 is down",)), [C.RDMA_NOT_ACTIVE]),
        (replace(WELL, idle_ports=("mlx5_0 port 1 is down",), up=False), []),
        (Vitals(idle_ports=("ibp1 port 1 is init",)), [C.RDMA_NOT_ACTIVE]),
        (replace(WELL, losses=1000, errors=(7, 7)), []),
    ],
)
def test_what_the_first_look_tells(vitals: Vitals, wrong: list[Condition]) -> None:
    device = Device()
    assert device.at(100, vitals) == wrong
    assert device.verdict.status is (Status.UNHEALTHY if wrong else Status.HEALTHY)


def test_a_lost_carrier_is_told_at_once_and_tainted_when_it_lasts() -> None:
    device = Device()
    device.at(100, WELL)
    assert device.at(101, LOST) == [C.CARRIER_LOST]
    assert device.verdict.message == "the interface is up and has no carrier"
    assert device.taints() == []
    assert device.verdict.again_at == 111
    assert device.at(111, LOST) == [C.CARRIER_LOST]
    assert device.taints() == [("dra.net/carrier-lost", "NoSchedule")]
    assert device.at(112, replace(LOST, carrier=True)) == []
    assert device.taints() == []


def test_what_is_so_at_the_first_look_has_lasted() -> None:
    device = Device()
    device.at(100, LOST)
    assert device.taints() == [("dra.net/carrier-lost", "NoSchedule")]
    device.at(101, replace(LOST, carrier=True))
    device.at(102, LOST)
    assert device.taints() == []


@pytest.mark.parametrize("change", ["moved", "set up"])
def test_a_link_that_was_just_moved_or_set_up_has_time_to_get_a_carrier(change: str) -> None:
    device = Device()
    device.at(100, WELL if change == "moved" else replace(WELL, up=False))
    place = "pod" if change == "moved" else "host"
    assert device.at(101, LOST, place) == []
    assert device.verdict.again_at == 101 + SETTLING
    assert device.at(101 + SETTLING, LOST, place) == [C.CARRIER_LOST]


def test_losses_on_the_way_into_a_pod_are_no_flapping() -> None:
    device = Device()
    device.at(100, WELL)
    for number in range(5):
        moved = replace(WELL, losses=10 * number)
        assert device.at(101 + number, moved, f"pod {number}") == []
        assert device.at(101 + number + 0.5, replace(moved, losses=10 * number + 5), f"pod {number}") == []


def test_a_link_flaps_when_it_is_lost_often_enough_and_until_it_is_quiet() -> None:
    device = Device()
    for now, losses, wrong in (
        (100, 0, []),
        (110, 1, []),
        (120, 2, []),
        (171, 3, []),  # the first one was too long ago
        (172, 4, [C.LINK_FLAPPING]),
        (185, 4, [C.LINK_FLAPPING]),
        (190, 5, [C.LINK_FLAPPING]),
        (209, 5, [C.LINK_FLAPPING]),
        (210, 5, []),
        (211, 6, []),
        (212, 8, [C.LINK_FLAPPING]),
    ):
        assert device.at(now, replace(WELL, losses=losses)) == wrong, now
    assert device.taints() == [("dra.net/link-flapping", "NoExecute")]
    assert device.verdict.again_at == 232


def test_losses_between_two_looks_count_each_one() -> None:
    device = Device()
    device.at(100, replace(WELL, losses=0))
    assert device.at(101, replace(WELL, losses=3)) == [C.LINK_FLAPPING]


def test_a_counter_that_starts_again_is_no_flapping() -> None:
    device = Device()
    device.at(100, replace(WELL, losses=900))
    assert device.at(101, replace(WELL, losses=0)) == []
    assert device.at(102, replace(WELL, losses=2)) == []


def test_pci_errors_are_told_until_none_came_for_long_enough() -> None:
    device = Device()
    device.at(100, replace(WELL, errors=(0, 5)))
    assert device.at(101, replace(WELL, errors=(0, 6))) == [C.PCI_ERRORS]
    assert device.taints() == [("dra.net/pci-errors", "None")]
    assert "0 fatal, 6 non-fatal" in device.verdict.message
    assert device.at(150, replace(WELL, errors=(1, 6))) == [C.PCI_ERRORS]
    assert device.verdict.again_at == 250
    assert device.at(250, replace(WELL, errors=(1, 6))) == []
    assert device.at(251, replace(WELL, errors=())) == []
    assert device.at(252, replace(WELL, errors=(1, 6))) == []


def test_a_device_is_gone_after_a_moment_in_which_it_could_be_on_its_way() -> None:
    device = Device()
    device.at(100, WELL)
    assert device.at(101, None) == []
    assert device.verdict.again_at == 101 + ABSENT
    assert device.at(101 + ABSENT, None, "pod") == [C.GONE]
    assert device.verdict.findings[0].since == 101
    assert device.taints() == []  # by policy
    assert device.at(103, WELL, "pod") == []
    assert device.at(104, None, "pod") == []


def test_what_nobody_can_see_is_unknown_and_what_was_known_is_kept() -> None:
    device = Device()
    device.at(100, LOST)
    device.at(111, LOST)
    assert device.at(112, None, known=False) == []
    assert device.verdict.status is Status.UNKNOWN
    assert device.verdict.message
    device.at(113, LOST)
    assert device.taints() == [("dra.net/carrier-lost", "NoSchedule")]


def test_a_policy_that_disables_gives_no_taint() -> None:
    device = Device(Health(carrierLost=Lasting(taint="Disabled", afterSeconds=0)))
    device.at(100, LOST)
    assert device.taints() == []
    assert taints(device.verdict, Health(carrierLost=Lasting(afterSeconds=0)), "x.y") == (
        Taint(key="x.y/carrier-lost", effect="NoSchedule"),
    )


SIGHTS = st.builds(
    Vitals,
    up=st.sampled_from([True, True, False, None]),
    carrier=st.sampled_from([True, False, None]),
    losses=st.none() | st.integers(0, 8),
    idle_ports=st.sampled_from([(), ("p",)]),
    errors=st.sampled_from([(), (0, 0), (0, 1), (2, 1)]),
)
STEPS = st.lists(
    st.tuples(st.floats(0, 40), st.none() | SIGHTS, st.sampled_from(["host", "pod"]), st.booleans()), max_size=12
)


@given(STEPS)
def test_for_any_course_of_events_time_alone_changes_nothing_before_it_is_said_to(
    steps: list[tuple[float, Vitals | None, str, bool]],
) -> None:
    device, now = Device(), 1000.0
    for pause, vitals, place, known in steps:
        now += pause
        found = device.at(now, vitals, place, known)
        again = device.verdict.again_at
        assert again is None or again > now
        between = now + 1000 if again is None else now + (again - now) * 0.99
        late = Device()
        late.memory = device.memory
        assert late.at(between, vitals, place, known) == found
        assert [each.tainted for each in late.verdict.findings] == [each.tainted for each in device.verdict.findings]


@given(STEPS)
def test_whatever_happened_a_device_that_is_well_for_long_is_healthy(
    steps: list[tuple[float, Vitals | None, str, bool]],
) -> None:
    device, now = Device(), 1000.0
    for pause, vitals, place, known in steps:
        now += pause
        device.at(now, vitals, place, known)
    device.at(now, WELL)
    for _ in range(20):
        if device.verdict.again_at is None:
            break
        now = device.verdict.again_at
        device.at(now, WELL)
    assert device.verdict.again_at is None
    assert device.verdict.status is Status.HEALTHY
