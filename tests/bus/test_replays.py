"""Which commands are carried out, which are answered from memory, and what is forgotten when."""

from __future__ import annotations

import pytest

from adapters.bus.envelope import VERSION, Request
from adapters.bus.replays import MAX_WAITERS, Replays
from ports.errors import Code, Failure


def request(key: str = "k", verb: str = "attach", payload: bytes = b"p", deadline: float = 10.0) -> Request:
    return Request(v=VERSION, verb=verb, id="i", key=key, deadline=deadline, traceparent="", payload=payload)


def answered(replays: Replays[str], asked: Request, answer: bytes | None = b"done") -> None:
    replays.begin(asked, "first")
    assert replays.settle(asked, answer) == ["first"]


def test_a_command_is_new_until_it_is_begun() -> None:
    assert Replays[str]().known(request(), "first", 0.0) == (False, None)


def test_a_repetition_waits_with_the_first_while_that_is_under_way() -> None:
    replays = Replays[str]()
    replays.begin(request(), "first")
    assert replays.known(request(), "second", 0.0) == (True, None)
    assert replays.settle(request(), b"done") == ["first", "second"]


def test_a_repetition_gets_the_same_answer_until_the_deadline() -> None:
    replays = Replays[str]()
    answered(replays, request())
    assert replays.known(request(), "second", 9.9) == (True, b"done")
    assert replays.known(request(), "second", 10.0) == (False, None)


def test_a_command_that_failed_is_tried_again() -> None:
    replays = Replays[str]()
    answered(replays, request(), None)
    assert replays.known(request(), "second", 0.0) == (False, None)


def test_a_key_belongs_to_one_verb() -> None:
    replays = Replays[str]()
    answered(replays, request(verb="attach"))
    assert replays.known(request(verb="detach"), "second", 0.0) == (False, None)


@pytest.mark.parametrize("settled", [True, False])
def test_a_key_that_comes_again_with_another_payload_is_refused(settled: bool) -> None:
    replays = Replays[str]()
    replays.begin(request(), "first")
    if settled:
        replays.settle(request(), b"done")
    with pytest.raises(Failure, match="another command") as caught:
        replays.known(request(payload=b"other"), "second", 0.0)
    assert caught.value.code is Code.INVALID


def test_not_everybody_may_wait_for_one_answer() -> None:
    replays = Replays[str]()
    replays.begin(request(), "first")
    for number in range(MAX_WAITERS - 1):
        replays.known(request(), str(number), 0.0)
    with pytest.raises(Failure) as caught:
        replays.known(request(), "one too many", 0.0)
    assert caught.value.code is Code.UNAVAILABLE


def test_the_oldest_answers_are_forgotten_first() -> None:
    replays = Replays[str](max_answers=2)
    for key in ("a", "b", "c"):
        answered(replays, request(key))
    assert [replays.known(request(key), "w", 0.0)[0] for key in ("a", "b", "c")] == [False, True, True]


def test_answers_are_forgotten_when_they_are_too_big_together() -> None:
    replays = Replays[str](max_bytes=10)
    answered(replays, request("a"), b"123456")
    answered(replays, request("b"), b"123456")
    assert [replays.known(request(key), "w", 0.0)[0] for key in ("a", "b")] == [False, True]


def test_a_command_under_way_is_never_forgotten() -> None:
    replays = Replays[str](max_answers=1)
    replays.begin(request("slow"), "first")
    for number in range(5):
        answered(replays, request(str(number)))
    assert replays.known(request("slow"), "second", 0.0) == (True, None)


def test_an_expired_answer_is_replaced_and_counted_once() -> None:
    replays = Replays[str](max_answers=2)
    for deadline in (1.0, 2.0, 3.0):
        assert replays.known(request(), "w", deadline - 0.5) == (False, None)
        answered(replays, request(deadline=deadline))
    answered(replays, request("other"))
    assert replays.known(request(deadline=3.0), "w", 2.5) == (True, b"done")
