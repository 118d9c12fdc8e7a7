"""What is read from the wire is a value of the wanted type or a refusal, whatever the bytes are."""

from __future__ import annotations

import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bus.envelope import MAX_REQUEST, VERSION, Fault, Reply, Request, fault, pack, unpack
from ports.errors import Code, Failure
from tests.bus.asking import envelope

TEXT = st.text(st.characters(codec=None), max_size=40)
NAME = st.text(min_size=1, max_size=40)


def read(data: bytes) -> Request:
    return unpack(Request, data, "command", MAX_REQUEST)


@given(verb=NAME, ident=NAME, key=NAME, deadline=st.floats(allow_nan=False, allow_infinity=False), payload=st.binary())
def test_a_request_is_read_back_as_it_was_sent(
    verb: str, ident: str, key: str, deadline: float, payload: bytes
) -> None:
    sent = Request(v=VERSION, verb=verb, id=ident, key=key, deadline=deadline, traceparent="", payload=payload)
    assert read(pack(sent)) == sent


@given(code=st.sampled_from(Code), subject=TEXT, detail=TEXT, hint=TEXT)
def test_a_failure_crosses_unchanged_even_with_text_that_is_no_proper_unicode(
    code: Code, subject: str, detail: str, hint: str
) -> None:
    sent = Reply(v=VERSION, id="1", error=fault(Failure(code, subject, detail, hint)))
    received = unpack(Reply, pack(sent), "reply", MAX_REQUEST)
    assert received.error is not None
    assert received.error.failure.args == (code, subject, detail, hint)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_as_invalid(data: bytes) -> None:
    with pytest.raises(Failure) as caught:
        read(data)
    assert caught.value.code is Code.INVALID


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXT | st.binary(max_size=20)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(field=st.sampled_from(["v", "verb", "id", "key", "deadline", "traceparent", "payload"]), value=ANYTHING)
def test_a_field_of_any_other_value_is_taken_or_refused_and_nothing_else(field: str, value: object) -> None:
    try:
        data = msgpack.packb({**msgpack.unpackb(envelope()), field: value}, unicode_errors="surrogatepass")
        read(data)
    except Failure as failure:
        assert failure.code is Code.INVALID


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_damaged_frame_is_taken_or_refused_and_nothing_else(position: int, byte: int, cut: int) -> None:
    data = bytearray(envelope())
    data[position % len(data)] = byte
    try:
        read(bytes(data[: 1 + cut % len(data)]))
    except Failure as failure:
        assert failure.code is Code.INVALID


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (envelope(v=2), "$.v"),
        (envelope(v=...), "missing key v"),
        (envelope(extra=1), "unknown key extra"),
        (envelope(verb=7), "$.verb"),
        (envelope(verb=""), "verb must have"),
        (envelope(key="k" * 300), "key must have"),
        (envelope(deadline="soon"), "$.deadline"),
        (envelope(deadline=math.nan), "finite"),
        (envelope(deadline=math.inf), "finite"),
        (envelope(payload={"text": "x"}), "$.payload"),
        (envelope(payload=msgpack.ExtType(4, b"x")), "extension type 4"),
        (envelope(payload=msgpack.Timestamp(1)), "$.payload"),
        (envelope() + b"\x00", "extra data"),
        (envelope()[:-1], "not msgpack"),
        (msgpack.packb({1: 2}), "int is not allowed for map key"),
        (b"\x81" * 5000, "not msgpack"),
        (b"\x91" * 5000, "not msgpack"),
        (b"\xdf\xff\xff\xff\xff", "not msgpack"),
        (b"\xdd\xff\xff\xff\xff", "not msgpack"),
        (b"", "not msgpack"),
        (b"\xc0" * (MAX_REQUEST + 1), "at most 1048576"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_refusal_says_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(Failure) as caught:
        read(data)
    assert caught.value.code is Code.INVALID
    assert words in str(caught.value)


def test_a_reply_is_either_a_result_or_an_error() -> None:
    error = Fault(code=Code.KERNEL, subject="", detail="no", hint="")
    with pytest.raises(ValueError, match="either"):
        Reply(v=VERSION, id="1")
    with pytest.raises(ValueError, match="either"):
        Reply(v=VERSION, id="1", result=b"", error=error)


def test_an_endless_error_text_is_cut_to_fit_a_frame() -> None:
    made = fault(Failure(Code.KERNEL, "s" * 10**6, "d" * 10**6, "h" * 10**6))
    assert len(pack(made)) < 64 * 1024
