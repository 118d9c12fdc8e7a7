"""Devices stay in their slices."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.paging import Pages, assign


def plain(*numbers: int) -> dict[str, bool]:
    return {f"d{number:04}": False for number in numbers}


def places(pages: Pages) -> dict[str, int]:
    return {name: number for number, names in pages.items() for name in names}


def moved(before: Pages, after: Pages) -> set[str]:
    old, new = places(before), places(after)
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def test_no_device_is_one_empty_page() -> None:
    assert assign({}, {}) == {0: ()}
    assert assign({}, {"gone": 3}) == {0: ()}


def test_a_page_holds_128_and_64_with_extras() -> None:
    assert [len(names) for names in assign(plain(*range(300)), {}).values()] == [128, 128, 44]
    extras = dict.fromkeys(plain(*range(130)), True)
    assert [len(names) for names in assign(extras, {}).values()] == [64, 64, 2]


def test_a_device_more_or_less_moves_no_other_and_fills_the_hole() -> None:
    before = assign(plain(*range(300)), {})
    less = assign(plain(*(number for number in range(300) if number != 5)), places(before))
    assert not moved(before, less)
    again = assign({**plain(*range(300)), "a-new-one": False}, places(less))
    assert moved(less, again) == set()
    assert places(again)["a-new-one"] == 0


def test_a_page_that_became_empty_frees_its_number() -> None:
    before = assign(plain(*range(300)), {})
    less = assign(plain(*range(128), *range(256, 300)), places(before))
    assert list(less) == [0, 2]
    more = assign(plain(*range(300)), places(less))
    assert list(more) == [0, 1, 2]
    assert not moved(less, more)


def test_one_taint_in_a_full_page_moves_that_device_alone() -> None:
    before = assign(plain(*range(128)), {})
    after = assign(plain(*range(128)) | {"d0003": True}, places(before))
    assert moved(before, after) == {"d0003"}
    assert assign(plain(*range(128)), places(after)) == after


def test_taints_on_most_of_a_full_page_move_those_that_are_too_many() -> None:
    before = assign(plain(*range(100)), {})
    after = assign(dict.fromkeys(plain(*range(100)), True), places(before))
    assert len(moved(before, after)) == 36


def test_scattered_devices_are_packed_again_when_twice_the_pages_are_not_enough() -> None:
    scattered = {name: number for number, name in enumerate(plain(*range(3)))}
    assert list(assign(plain(*range(3)), scattered)) == [0]
    assert list(assign(plain(*range(2)), scattered)) == [0, 1]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_history_of_devices_keeps_every_limit(share: float, seed: int) -> None:
    dice = random.Random(seed)
    before: dict[str, int] = {}
    for _ in range(6):
        devices = {name: dice.random() < share for name in plain(*range(400)) if dice.random() < 0.7}
        pages = assign(devices, before)
        assert sorted(places(pages)) == sorted(devices)
        for names in pages.values():
            assert 0 < len(names) <= (64 if any(devices[name] for name in names) else 128)
            assert list(names) == sorted(names)
        before = places(pages)
        assert assign(devices, before) == pages
