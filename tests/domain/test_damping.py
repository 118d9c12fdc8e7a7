"""What flaps is told at once, then ever more rarely; its newest value always comes, and others do not wait for it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.damping import FORGOTTEN, LONGEST, Settled, Told, settle
from ports.devices import Device, Taint
from ports.vitals import Vitals
from tests.domain.values import device

UP, DOWN = device("ens1", state="up"), device("ens1", state="down")
OTHER = device("ens2", state="up")
TAINTED = replace(DOWN, taints=(Taint(key="dra.net/carrier-lost", effect="NoSchedule"),))


class Watcher:
    """Settles again and again, as a publisher does."""

    def __init__(self) -> None:
        self.told: Mapping[str, Told] = {}
        self.writes = 0
        self.seen: tuple[Device, ...] = ()

    def look(self, now: float, *devices: Device) -> Settled:
        settled = settle(self.told, devices, now)
        self.told = settled.told
        self.writes += settled.devices != self.seen
        self.seen = settled.devices
        return settled


def test_the_first_change_is_told_at_once_and_the_second_soon() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    assert watcher.look(10.0, DOWN) == Settled(devices=(DOWN,), told=watcher.told)
    held = watcher.look(10.1, UP)
    assert (held.devices, held.due) == ((DOWN,), 10.5)
    assert watcher.look(10.5, UP).devices == (UP,)


def test_a_value_that_is_back_before_its_time_is_no_change() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    watcher.look(10.0, DOWN)
    watcher.look(10.1, UP)
    assert watcher.look(10.2, DOWN).due is None


def test_a_flapping_link_is_told_once_a_minute_in_the_end_and_another_device_at_once() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP, OTHER)
    for second in range(1, 3601):
        watcher.look(float(second), DOWN if second % 2 else UP, OTHER)
    assert 60 <= watcher.writes <= 70
    settled = watcher.look(3600.5, UP, device("ens2", state="down"))
    assert settled.devices[1] == device("ens2", state="down")


def test_the_newest_value_comes_when_the_flapping_ends() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for second in range(1, 200):
        settled = watcher.look(float(second), DOWN if second % 2 else UP)
    last = replace(UP, capacity={"dra.net/bandwidth": 7})
    settled = watcher.look(200.0, last)
    assert settled.due is not None
    assert settled.due <= 200.0 + LONGEST
    assert watcher.look(settled.due, last).devices == (last,)
    assert watcher.look(settled.due + FORGOTTEN, DOWN).devices == (DOWN,)
    assert watcher.look(settled.due + FORGOTTEN + 0.6, UP).devices == (UP,)


def test_changes_that_do_not_flap_by_nature_are_free_for_long() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for number in range(1, 11):
        settled = watcher.look(number / 10, device("ens1", state="up", mtu=1500 + number))
        assert settled.due is None
    assert watcher.writes == 11
    for number in range(11, 600):
        watcher.look(number / 10, device("ens1", state="up", mtu=1500 + number))
    assert watcher.writes < 100


def test_a_new_taint_does_not_wait_and_its_end_does() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    watcher.look(1.0, TAINTED)
    assert watcher.look(1.1, UP).devices == (TAINTED,)
    watcher.look(1.5, UP)
    assert watcher.look(1.6, TAINTED).devices == (TAINTED,)
    held = watcher.look(1.7, UP)
    assert held.devices == (TAINTED,)
    assert held.due is not None
    assert held.due > 3.0


def test_a_device_that_is_gone_is_gone_at_once_and_is_held_back_only_when_it_comes_and_goes() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for second in (1, 2, 3):
        assert watcher.look(second).devices == ()
        assert watcher.look(second + 0.1, UP).devices == (UP,)
    watcher.look(4.0)
    held = watcher.look(4.1, UP)
    assert held.devices == ()
    assert held.due == 4.5
    assert watcher.look(4.5, UP).devices == (UP,)


def test_a_device_that_was_gone_for_long_is_forgotten() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    watcher.look(1.0)
    assert "ens1" in watcher.look(2.0).told
    assert watcher.look(1.0 + FORGOTTEN).told == {}


def test_what_is_not_published_is_no_change() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    settled = watcher.look(1.0, replace(UP, vitals=Vitals(losses=1)))
    assert settled.devices[0] is UP
    assert watcher.writes == 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_the_last_word_is_told_within_a_minute(seed: int) -> None:
    dice, watcher, now = random.Random(seed), Watcher(), 0.0
    shown: tuple[Device, ...] = ()
    for _ in range(dice.randrange(60)):
        now += dice.choice((0.01, 0.3, 1.0, 7.0, 130.0))
        shown = tuple(each for each in (dice.choice((UP, DOWN, TAINTED)), OTHER) if dice.random() < 0.9)
        watcher.look(now, *shown)
    settled, start = watcher.look(now, *shown), now
    while settled.due is not None:
        assert settled.due > now
        now = settled.due
        settled = watcher.look(now, *shown)
    assert now - start <= LONGEST
    assert {each.name: each for each in settled.devices} == {each.name: each for each in shown}
