"""Netlink conversations under bad conditions: silence, noise, nonsense."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from adapters.talk.conversation import Talk, attribute, attributes
from ports.errors import Code, Failure

HEADER = struct.Struct("=IHHII")
ERROR, DONE, OTHER = 2, 3, 99
DUMP, INTERRUPTED, CAPPED_TEXT = 0x300, 0x10, 0x300


class Ends:
    """A conversation whose other end is the test."""

    def __init__(self) -> None:
        self.talk = Talk(16, 1.0)
        ours, self.kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.talk._socket.close()
        ours.settimeout(1.0)
        self.talk._socket = ours

    def send(self, *parts: bytes) -> None:
        self.kernel.send(b"".join(parts))


def _message(kind: int, body: bytes = b"", sequence: int = 1, flags: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def _error(number: int, text: bytes = b"", sequence: int = 1) -> bytes:
    words = attribute(1, text + b"\0") if text else b""
    return _message(
        ERROR, struct.pack("=i", -number) + bytes(HEADER.size) + words, sequence, CAPPED_TEXT if text else 0
    )


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.talk.__exit__()
    made.kernel.close()


def test_answers_until_the_acknowledgement(ends: Ends) -> None:
    ends.send(_message(OTHER, b"one."), _message(OTHER, b"two."), _error(0))
    assert ends.talk.ask(30, b"", "x") == [b"one.", b"two."]


def test_a_refusal_has_number_and_words(ends: Ends) -> None:
    ends.send(_error(19, b"no device matches ifindex"))
    with pytest.raises(Failure, match="No such device: no device matches ifindex") as caught:
        ends.talk.ask(30, b"", "interface #9")
    assert caught.value.code is Code.NOT_FOUND


def test_what_is_left_of_an_earlier_request_is_passed_over(ends: Ends) -> None:
    ends.send(_message(OTHER, b"late", sequence=0), _error(5, sequence=0), _message(OTHER, b"new."), _error(0))
    assert ends.talk.ask(30, b"", "x") == [b"new."]


def test_an_interrupted_dump_is_done_again(ends: Ends) -> None:
    ends.send(_message(OTHER, b"old.", flags=INTERRUPTED), _message(DONE, bytes(4)))
    ends.send(_message(OTHER, b"new.", sequence=2), _message(DONE, bytes(4), sequence=2))
    assert ends.talk.ask(30, b"", "x", DUMP) == [b"new."]


def test_a_silent_kernel_is_given_up(ends: Ends) -> None:
    with pytest.raises(Failure) as caught:
        ends.talk.ask(30, b"", "x")
    assert caught.value.code is Code.DEADLINE


def test_a_kernel_that_never_comes_to_an_end_is_given_up(ends: Ends) -> None:
    for _ in range(3):
        ends.send(b"\x01\x00\x00\x00", bytes(20))
        ends.send(_message(OTHER, b"on.."))
    with pytest.raises(Failure) as caught:
        ends.talk.ask(30, b"", "x")
    assert caught.value.code is Code.DEADLINE


def test_attributes_that_make_no_sense_end_the_list() -> None:
    whole = attribute(7, b"seven")
    assert list(attributes(whole + b"\x03\x00\x01\x00")) == [(7, b"seven")]
    assert list(attributes(whole + b"\xff\x00\x01\x00")) == [(7, b"seven")]
    assert list(attributes(b"\x08\x00")) == []
