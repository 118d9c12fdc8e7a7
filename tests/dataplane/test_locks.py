"""One command a pod at a time, and nobody waits longer than it has."""

from __future__ import annotations

import threading
import time

import pytest

from dataplane.locks import PodLocks
from ports.errors import Code, Failure


def test_a_command_for_a_busy_pod_ends_when_its_time_is_up() -> None:
    locks = PodLocks()
    with locks.hold("pod", 1.0):
        begun = time.monotonic()
        with pytest.raises(Failure) as caught, locks.hold("pod", 0.1):
            raise AssertionError("two commands at once")
        assert caught.value.code is Code.DEADLINE
        assert time.monotonic() - begun < 20
    assert len(locks) == 0


def test_a_command_goes_on_when_the_one_before_has_ended_and_other_pods_do_not_wait() -> None:
    locks, done = PodLocks(), threading.Event()

    def second() -> None:
        with locks.hold("pod", 20.0):
            done.set()

    waiting = threading.Thread(target=second)
    with locks.hold("pod", 1.0):
        waiting.start()
        with locks.hold("other", 0.1):
            assert not done.wait(0.1)
    assert done.wait(20)
    waiting.join(20)
    assert len(locks) == 0
