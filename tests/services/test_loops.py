"""Bells, back-off and notices: what the loops are made of."""

from __future__ import annotations

import random
import threading

import pytest

from agent.services import unending
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.notices import WAITING, Notices
from ports.cluster import Notice
from ports.errors import Code, Failure


def notice(message: str) -> Notice:
    return Notice(kind="Pod", namespace="n", name="p", uid="u", reason="R", message=message)


def test_a_ring_is_not_lost_and_taken_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)


def test_a_closed_bell_ends_every_wait() -> None:
    bell = Bell()

    def wait_twice() -> None:
        bell.wait()
        bell.pause(60)

    waiting = threading.Thread(target=wait_twice, daemon=True)
    waiting.start()
    bell.close()
    waiting.join(5)
    assert not waiting.is_alive()
    bell.ring()
    assert not bell.wait(0)


def test_a_pause_ignores_rings_but_keeps_them() -> None:
    bell = Bell()
    bell.ring()
    bell.pause(0.01)
    assert bell.wait(0)


def test_waits_grow_to_a_limit_and_start_again_after_success() -> None:
    backoff = Backoff(first=1.0, limit=8.0, dice=random.Random(1))
    waits = [backoff.next() for _ in range(100)]
    assert all(full / 2 <= wait <= full for wait, full in zip(waits, (1, 2, 4, 8, 8), strict=False))
    assert max(waits) <= 8.0
    backoff.reset()
    assert backoff.next() <= 1.0


def test_notices_are_told_in_order_and_a_failure_ends_nothing() -> None:
    told: list[str] = []

    def notify(each: Notice) -> None:
        told.append(each.message)
        if each.message == "first":
            raise Failure(Code.UNAVAILABLE, "API server", "away")
        if each.message == "second":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        if each.message == "last":
            notices.stop()

    notices = Notices(notify)
    for message in ("first", "second", "last"):
        notices.put(notice(message))
    notices.run()
    assert told == ["first", "second", "last"]


def test_too_many_notices_do_not_hold_anybody_up() -> None:
    notices = Notices(lambda _: None)
    for number in range(WAITING + 10):
        notices.put(notice(str(number)))
    notices.stop()
    notices.run()


def test_a_loop_that_ends_by_a_defect_begins_again_and_one_that_ends_by_itself_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bell, again, done = Bell(), threading.Event(), threading.Event()
    begun: list[str] = []

    def faulty() -> None:
        begun.append("faulty")
        if begun.count("faulty") == 1:
            raise KeyError("uid")
        again.set()
        bell.wait()

    def short() -> None:
        begun.append("short")
        done.set()

    unending.start({"faulty": faulty, "short": short}, bell, pause=0.001)
    assert again.wait(30)
    assert done.wait(30)
    bell.close()
    assert begun.count("short") == 1
    assert "ended the loop faulty" in caplog.text
