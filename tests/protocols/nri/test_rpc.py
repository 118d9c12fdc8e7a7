"""The two halves of a channel: which requests are taken, and how answers find their calls."""

from __future__ import annotations

import pytest

from adapters.nri import frames, rpc
from adapters.nri.frames import Frame, Oversize
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.status import MAX_TEXT, Closed, Refusal, Status, one_line, refusal
from ports.errors import Code, Failure


def _request(stream: int, flags: int = 0, timeout_nano: int = 0) -> Frame:
    body = ttrpc.Request(service="s", method="m", payload=b"p", timeout_nano=timeout_nano).SerializeToString()
    return Frame(stream=stream, kind=frames.REQUEST, flags=flags, payload=body)


def test_a_request_is_taken_with_its_budget() -> None:
    call = rpc.Incoming().take(_request(1, timeout_nano=1_500_000_000), received=7.0)
    assert call == rpc.Call(stream=1, service="s", method="m", payload=b"p", received=7.0, timeout=1.5)


@pytest.mark.parametrize("nanoseconds", [0, -1])
def test_without_a_budget_the_caller_is_patient(nanoseconds: int) -> None:
    call = rpc.Incoming().take(_request(1, timeout_nano=nanoseconds), received=7.0)
    assert isinstance(call, rpc.Call)
    assert call.timeout is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_request(4), Status.INVALID_ARGUMENT),
        (_request(3), Status.INVALID_ARGUMENT),
        (_request(1), Status.INVALID_ARGUMENT),
        (_request(5, flags=frames.REMOTE_OPEN), Status.UNIMPLEMENTED),
        (_request(5, flags=frames.REMOTE_CLOSED), Status.UNIMPLEMENTED),
        (Frame(stream=5, kind=frames.REQUEST, payload=b"\xff\xff"), Status.INVALID_ARGUMENT),
        (Frame(stream=5, kind=frames.DATA, payload=b"x"), Status.INVALID_ARGUMENT),
        (Oversize(stream=5, kind=frames.REQUEST, length=2**31), Status.RESOURCE_EXHAUSTED),
    ],
)
def test_what_is_no_proper_request_is_rejected_with_gos_codes(frame: Frame | Oversize, code: Status) -> None:
    incoming = rpc.Incoming()
    assert isinstance(incoming.take(_request(3), 0.0), rpc.Call)
    rejected = incoming.take(frame, 0.0)
    assert isinstance(rejected, rpc.Rejected)
    assert (rejected.stream, rejected.reason.code) == (frame.stream, code)


def test_a_reused_stream_is_told_to_increment() -> None:
    incoming = rpc.Incoming()
    incoming.take(_request(3), 0.0)
    rejected = incoming.take(_request(3), 0.0)
    assert isinstance(rejected, rpc.Rejected)
    assert "cannot be reused and must increment" in rejected.reason.text


@pytest.mark.parametrize("kind", [0, frames.RESPONSE, 9])
def test_frames_of_other_kinds_are_nothing_to_a_server(kind: int) -> None:
    assert rpc.Incoming().take(Frame(stream=1, kind=kind), 0.0) is None


def test_answers_in_any_order_find_their_calls() -> None:
    outgoing = rpc.Outgoing()
    (first, one), (second, two) = outgoing.open(), outgoing.open()
    assert (first, second) == (1, 3)
    outgoing.settle(rpc.success(second, b"two"))
    outgoing.settle(rpc.success(first, b"one"))
    assert (one.result(0), two.result(0)) == (b"one", b"two")


def test_a_late_or_unknown_answer_is_dropped() -> None:
    outgoing = rpc.Outgoing()
    stream, answer = outgoing.open()
    outgoing.forget(stream)
    outgoing.settle(rpc.success(stream, b"late"))
    outgoing.settle(rpc.success(99, b"whose?"))
    assert not answer.done()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (rpc.failure(1, Refusal(77, "no")), 77),
        (Frame(stream=1, kind=frames.REQUEST), Status.INTERNAL),
        (Frame(stream=1, kind=frames.RESPONSE, payload=b"\xff"), Status.INVALID_ARGUMENT),
        (Oversize(stream=1, kind=frames.RESPONSE, length=2**31), Status.RESOURCE_EXHAUSTED),
    ],
)
def test_what_is_no_good_answer_fails_its_call(frame: Frame | Oversize, code: int) -> None:
    outgoing = rpc.Outgoing()
    answer = outgoing.open()[1]
    outgoing.settle(frame)
    with pytest.raises(Refusal) as caught:
        answer.result(0)
    assert caught.value.code == code


def test_the_end_of_the_connection_fails_every_call() -> None:
    outgoing = rpc.Outgoing()
    answers = [outgoing.open()[1] for _ in range(3)]
    outgoing.close("closed by the peer")
    for answer in answers:
        with pytest.raises(Closed, match="closed by the peer"):
            answer.result(0)


def test_text_is_one_line_of_limited_length_in_valid_utf8() -> None:
    assert one_line(" a\n\tb  c\r\n") == "a b c"
    assert one_line("bad \udcff byte") == "bad ? byte"
    long = one_line("ä" * 4000)
    assert len(long.encode()) <= MAX_TEXT
    assert long.endswith("ä...")


@pytest.mark.parametrize("code", Code)
def test_every_failure_has_a_status_that_no_runtime_takes_for_an_unknown_method(code: Code) -> None:
    reason = refusal(Failure(code, "pod a/b", "it did not work", "look again"))
    assert reason.code not in (0, Status.UNIMPLEMENTED)
    assert reason.text == "pod a/b: it did not work (look again)"
