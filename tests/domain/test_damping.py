"""What flaps is told at once, then ever more rarely; its newest value always comes, and others do not wait for it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.damping import FORGOTTEN, FREE, LONGEST, Settled, Told, settle
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

    def flaps(self, changes: int) -> float:
        """The link has changed so often within a second; the time after that."""
        self.look(0.0, UP)
        for number in range(changes):
            self.look(1.0 + number / 100, (DOWN, UP)[number % 2])
        return 1.0 + changes / 100

    def look(self, now: float, *devices: Device) -> Settled:
        settled = settle(self.told, devices, now)
        self.told = settled.told
        self.writes += settled.devices != self.seen
        self.seen = settled.devices
        return settled


def test_a_link_that_goes_and_comes_back_with_its_taint_is_told_at_once_each_time() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for number, shown in enumerate((DOWN, TAINTED, replace(UP, taints=TAINTED.taints), UP)):
        assert watcher.look(10.0 + number / 10, shown) == Settled(devices=(shown,), told=watcher.told)


def test_then_the_next_change_waits_and_the_one_after_it_longer() -> None:
    watcher = Watcher()
    now = watcher.flaps(FREE)
    for wait in (0.5, 1.0, 2.0, 4.0):
        shown, other = (UP, DOWN) if watcher.seen == (DOWN,) else (DOWN, UP)
        watcher.look(now, shown)
        held = watcher.look(now + 0.1, other)
        assert (held.devices, held.due) == ((shown,), now + wait)
        assert watcher.look(now + 0.2, shown).due is None
        now += wait


def test_a_value_that_is_back_before_its_time_is_no_change() -> None:
    watcher = Watcher()
    now = watcher.flaps(FREE + 1)
    (told,) = watcher.seen
    assert watcher.look(now, UP if told is DOWN else DOWN).due is not None
    assert watcher.look(now, told).due is None


def test_a_flapping_link_is_told_once_a_minute_in_the_end_and_another_device_at_once() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP, OTHER)
    for second in range(1, 3601):
        watcher.look(float(second), DOWN if second % 2 else UP, OTHER)
    assert 60 <= watcher.writes <= 75
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
    again = settled.due + FORGOTTEN
    for number, shown in enumerate((DOWN, UP, DOWN)):
        assert watcher.look(again + number / 10, shown).devices == (shown,)


def test_changes_that_do_not_flap_by_nature_are_free_for_long() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for number in range(1, 41):
        settled = watcher.look(number / 10, device("ens1", state="up", mtu=1500 + number))
        assert settled.due is None
    assert watcher.writes == 41
    for number in range(41, 600):
        watcher.look(number / 10, device("ens1", state="up", mtu=1500 + number))
    assert watcher.writes < 130


def test_a_new_taint_does_not_wait_and_its_end_does() -> None:
    watcher = Watcher()
    now = watcher.flaps(FREE + 1)
    assert watcher.look(now, TAINTED).devices == (TAINTED,)
    held = watcher.look(now + 0.1, UP)
    assert (held.devices, held.due) == ((TAINTED,), now + 1.0)
    other = replace(TAINTED, taints=(*TAINTED.taints, Taint(key="dra.net/pci-errors", effect="NoSchedule")))
    assert watcher.look(now + 0.2, other).devices == (other,)
    revalued = replace(other, taints=tuple(replace(taint, value="x") for taint in other.taints))
    assert watcher.look(now + 0.3, revalued).devices == (other,)


def test_a_device_that_is_gone_is_gone_at_once_and_is_held_back_only_when_it_comes_and_goes() -> None:
    watcher = Watcher()
    watcher.look(0.0, UP)
    for second in range(1, 20):
        assert watcher.look(float(second)).devices == ()
        assert watcher.look(second + 0.1, UP).devices == (UP,)
    watcher.look(20.0)
    held = watcher.look(20.1, UP)
    assert held.devices == ()
    assert held.due == 20.5
    assert watcher.look(20.5, UP).devices == (UP,)


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
