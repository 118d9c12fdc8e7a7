"""Refused containers are told of once a pod and reason, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.services.refusals import WAITING, Teller
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Refusal
from tests.services.node import eventually
from tests.support.clock import FakeClock
from tests.support.plans import pod_ref


class Desk:
    """Takes refusals over, unless it is away."""

    def __init__(self) -> None:
        self.taken: list[Refusal] = []
        self.tries = 0
        self.away = False

    def refused(self, refusal: Refusal, call: Call) -> None:
        self.tries += 1
        if self.away:
            raise Failure(Code.UNAVAILABLE, "knd dra", "cannot be reached")
        self.taken.append(refusal)


@contextmanager
def telling(teller: Teller) -> Iterator[None]:
    thread = threading.Thread(target=teller.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        teller.stop()
        thread.join(10)
    assert not thread.is_alive()


def refusal(pod: str = "web", reason: str = "the claim is another pod's") -> Refusal:
    return Refusal(pod=pod_ref(pod), reason=reason)


def test_the_same_refusal_of_a_pod_is_told_once() -> None:
    desk = Desk()
    teller = Teller(desk, FakeClock())
    with telling(teller):
        for each in (refusal(), refusal(), refusal("other"), refusal(reason="its record is unreadable")):
            teller.put(each)
        assert eventually(lambda: len(desk.taken) == 3)
    assert [each.pod.name for each in desk.taken] == ["web", "other", "web"]


def test_a_refusal_that_could_not_be_told_is_told_with_the_next_try() -> None:
    desk = Desk()
    desk.away = True
    teller = Teller(desk, FakeClock())
    with telling(teller):
        teller.put(refusal())
        assert eventually(lambda: desk.tries == 1)
        desk.away = False

        def told() -> bool:
            teller.put(refusal())
            return bool(desk.taken)

        assert eventually(told)
    assert set(desk.taken) == {refusal()}


def test_it_never_waits_and_never_grows() -> None:
    teller = Teller(Desk(), FakeClock())
    for number in range(3 * WAITING):
        teller.put(refusal(f"pod-{number}"))
    teller.stop()
