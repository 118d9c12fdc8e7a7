"""Outcomes reach the DRA frontend: retried until acknowledged, newest of a claim only, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.services import outcomes
from agent.services.backoff import Backoff
from agent.services.outcomes import Sender
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Outcome
from tests.services.node import eventually
from tests.support.clock import FakeClock
from tests.support.plans import claim_ref, pod_ref

AWAY = Failure(Code.UNAVAILABLE, "knd dra", "cannot be reached")


class Desk:
    """Takes outcomes over, unless told to fail; ``hold`` keeps it from answering."""

    def __init__(self) -> None:
        self.taken: list[tuple[Outcome, Call]] = []
        self.tries: list[Call] = []
        self.failures: list[Failure] = []
        self.refuse: set[str] = set()
        self.hold = threading.Event()
        self.hold.set()

    def report(self, outcome: Outcome, call: Call) -> None:
        """See ``Outcomes``."""
        self.tries.append(call)
        assert self.hold.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        if outcome.claim.name in self.refuse:
            raise AWAY
        self.taken.append((outcome, call))

    @property
    def names(self) -> list[str]:
        """The claims taken over, in order."""
        return [outcome.claim.name for outcome, _ in self.taken]


def outcome(name: str, error: str = "", at_ns: int = 1) -> Outcome:
    """How it went for the claim of that name."""
    return Outcome(claim=claim_ref(name), pod=pod_ref(), devices=(), error=error, at_ns=at_ns)


@contextmanager
def sending(desk: Desk) -> Iterator[Sender]:
    """A sender whose loop runs."""
    sender = Sender(desk, FakeClock(), Backoff(first=0.005, limit=0.01))
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        desk.hold.set()
        sender.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_an_outcome_is_sent_until_it_is_acknowledged() -> None:
    desk = Desk()
    desk.failures = [AWAY] * 3
    with sending(desk) as sender:
        sender.put(outcome("a"))
        assert eventually(lambda: desk.names == ["a"])
    assert len(desk.tries) == 4
    assert len({call.key for call in desk.tries}) == 1, "one outcome, one key"


def test_what_came_before_the_loop_is_sent_too() -> None:
    desk = Desk()
    sender = Sender(desk, FakeClock())
    sender.put(outcome("a"))
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    assert eventually(lambda: desk.names == ["a"])
    sender.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_newer_outcome_of_a_claim_takes_the_place_of_a_waiting_one() -> None:
    desk = Desk()
    desk.hold.clear()
    with sending(desk) as sender:
        sender.put(outcome("first"))
        assert eventually(lambda: len(desk.tries) == 1)
        sender.put(outcome("a", error="no"))
        sender.put(outcome("a", at_ns=2))
        desk.hold.set()
        assert eventually(lambda: desk.names == ["first", "a"])
    assert desk.taken[-1][0].error == ""


def test_an_outcome_that_is_replaced_while_it_is_sent_is_followed_by_the_newer_one() -> None:
    desk = Desk()
    desk.hold.clear()
    with sending(desk) as sender:
        sender.put(outcome("a", error="no"))
        assert eventually(lambda: len(desk.tries) == 1)
        sender.put(outcome("a", at_ns=2))
        desk.hold.set()
        assert eventually(lambda: len(desk.taken) == 2)
    assert [each.error for each, _ in desk.taken] == ["no", ""]


def test_one_that_is_not_taken_does_not_hold_up_the_others() -> None:
    desk = Desk()
    desk.refuse = {"stuck"}
    with sending(desk) as sender:
        sender.put(outcome("stuck"))
        sender.put(outcome("b"))
        assert eventually(lambda: desk.names == ["b"])


def test_one_that_can_never_be_taken_is_given_up() -> None:
    desk = Desk()
    desk.failures = [Failure(Code.INVALID, "outcome", "unknown key")]
    with sending(desk) as sender:
        sender.put(outcome("bad"))
        assert eventually(lambda: len(desk.tries) == 1)
        sender.put(outcome("good"))
        assert eventually(lambda: desk.names == ["good"])
    assert len(desk.tries) == 2


def test_the_waiting_line_is_bounded() -> None:
    desk = Desk()
    sender = Sender(desk, FakeClock(), Backoff(first=0.005, limit=0.01))
    for number in range(outcomes.WAITING + 5):
        sender.put(outcome(f"c{number:07}"))
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    assert eventually(lambda: len(desk.taken) == outcomes.WAITING)
    sender.stop()
    thread.join(10)
    assert desk.names[0] == "c0000005"


def test_put_does_not_wait_for_a_slow_desk() -> None:
    desk = Desk()
    desk.hold.clear()
    with sending(desk) as sender:
        sender.put(outcome("a"))
        assert eventually(lambda: len(desk.tries) == 1)
        sender.put(outcome("b"))
        assert desk.taken == []
