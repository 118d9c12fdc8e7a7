"""The answering end: nothing on the wire ends it, nothing late or repeated is carried out."""

from __future__ import annotations

import logging
import os
import random
import socket
import stat
import threading
import time
from collections.abc import Iterator

import msgpack
import pytest

from adapters.bus.client import Client
from adapters.bus.envelope import MAX_REQUEST
from adapters.bus.server import Server
from ports.errors import Code, Failure
from tests.bus.asking import ECHO, Handler, Raw, Word, call, envelope, serving
from tests.support.eventually import eventually

HELLO = Word(text="hello")


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def raw(place: str, handler: Handler) -> Iterator[Raw]:
    """A raw connection to a running server, which must still answer at the end of the test."""
    with serving(place, handler), Raw(place) as connection:
        yield connection
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ((b"",), "not msgpack"),
        ((b"\xff" * 100,), "not msgpack"),
        ((envelope()[:20],), "not msgpack"),
        ((envelope(), b"more"), "2 frames"),
        ((b"",) * 50, "50 frames"),
        ((b"\xc0" * (MAX_REQUEST + 1),), "at most"),
        ((envelope(v=9),), "$.v"),
        ((envelope(verb="launch"),), "served are: echo"),
        ((envelope(payload=b""),), "not msgpack"),
        ((envelope(payload=msgpack.packb({"text": 5})),), "$.text"),
        ((envelope(payload=msgpack.packb({"text": "x", "more": 1})),), "unknown key more"),
        ((envelope(payload=msgpack.packb([1])),), "expected a map"),
    ],
)
def test_a_bad_command_gets_an_error_that_says_why(
    raw: Raw, handler: Handler, frames: tuple[bytes, ...], words: str
) -> None:
    failure = raw.failure(*frames)
    assert failure.code is Code.INVALID
    assert words in str(failure)
    assert not handler.calls


def test_an_error_carries_the_id_of_its_command_where_that_was_readable(raw: Raw) -> None:
    raw.send(envelope(verb="launch", id="id-77"))
    assert raw.reply().id == "id-77"


def test_a_frame_beyond_all_measure_ends_its_connection_only(place: str, handler: Handler) -> None:
    with serving(place, handler), Raw(place) as huge:
        huge.send(b"\x00" * (3 * MAX_REQUEST))
        assert huge.silent(0.3)
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO


def test_a_command_whose_deadline_has_passed_is_not_begun(raw: Raw, handler: Handler) -> None:
    failure = raw.failure(envelope(deadline=time.monotonic() - 0.001))
    assert failure.code is Code.DEADLINE
    assert not handler.calls


def test_a_command_that_waited_past_its_deadline_is_not_begun(place: str, handler: Handler) -> None:
    handler.gate.clear()
    with serving(place, handler, workers=1), Raw(place) as first, Raw(place) as second:
        first.send(envelope())
        assert handler.entered.acquire(timeout=10)
        second.send(envelope(deadline=time.monotonic() + 0.1))
        time.sleep(0.2)
        handler.gate.set()
        error = second.reply().error
        assert error is not None
        assert error.code is Code.DEADLINE
        assert len(handler.calls) == 1


def test_what_the_handler_refuses_arrives_as_it_was_raised(place: str, handler: Handler) -> None:
    handler.fails = [Failure(Code.REFUSED, "interface eth0", "carries the default route", "choose another")]
    with serving(place, handler), pytest.raises(Failure) as caught:
        Client(place, "peer").ask(ECHO, HELLO, call())
    assert caught.value.args == (Code.REFUSED, "interface eth0", "carries the default route", "choose another")


def test_a_defect_is_logged_here_and_tells_nothing_there(
    place: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    handler.fails = [ZeroDivisionError("secret detail")]
    with serving(place, handler), pytest.raises(Failure) as caught:
        Client(place, "peer").ask(ECHO, HELLO, call())
    assert caught.value.code is Code.INTERNAL
    assert "secret" not in str(caught.value)
    assert "secret detail" in caplog.text


def test_an_answer_that_fits_no_frame_is_an_error_and_not_silence(place: str) -> None:
    class Talkative(Handler):
        def __call__(self, word: Word, call: object) -> Word:
            return Word(text="x" * (9 << 20))

    with serving(place, Talkative()), pytest.raises(Failure) as caught:
        Client(place, "peer").ask(ECHO, HELLO, call())
    assert caught.value.code is Code.INTERNAL


def test_a_command_repeated_after_its_answer_is_carried_out_once(place: str, handler: Handler) -> None:
    with serving(place, handler):
        once = call()
        assert [Client(place, "peer").ask(ECHO, HELLO, once) for _ in range(3)] == [HELLO] * 3
        assert len(handler.calls) == 1


def test_a_command_repeated_while_it_runs_is_carried_out_once_and_answered_to_all(place: str, handler: Handler) -> None:
    handler.gate.clear()
    with serving(place, handler), Raw(place) as first, Raw(place) as second:
        deadline = time.monotonic() + 10
        first.send(envelope(id="one", key="same", deadline=deadline))
        assert handler.entered.acquire(timeout=10)
        second.send(envelope(id="two", key="same", deadline=deadline))
        assert second.silent(0.1)
        handler.gate.set()
        assert (first.reply().id, second.reply().id) == ("one", "two")
        assert len(handler.calls) == 1


def test_one_command_too_many_is_refused_at_once(place: str, handler: Handler) -> None:
    handler.gate.clear()
    with serving(place, handler, workers=1, backlog=1), Raw(place) as raw:
        raw.send(envelope())
        raw.send(envelope())
        failure = raw.failure(envelope())
        assert failure.code is Code.UNAVAILABLE
        handler.gate.set()
        assert [raw.reply().error for _ in range(2)] == [None, None]


def test_many_at_once_get_each_its_own_answer(place: str, handler: Handler) -> None:
    answers: dict[int, str] = {}
    client = Client(place, "peer")

    def ask(number: int) -> None:
        for turn in range(20):
            answers[number * 100 + turn] = client.ask(ECHO, Word(text=f"{number}/{turn}"), call()).text

    with serving(place, handler):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number * 100 + turn: f"{number}/{turn}" for number in range(8) for turn in range(20)}


def test_an_asker_that_does_not_wait_for_its_answer_harms_nobody_and_is_told_of(
    place: str, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knd.bus")
    handler.gate.clear()
    with serving(place, handler):
        with Raw(place) as impatient:
            impatient.send(envelope())
            assert handler.entered.acquire(timeout=10)
        time.sleep(0.3)  # until the server has seen it go
        handler.gate.set()
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO
        eventually(lambda: "nobody takes the answer" in caplog.text)


@pytest.mark.parametrize("seed", range(4))
def test_raw_bytes_on_the_socket_neither_crash_nor_leak(place: str, handler: Handler, seed: int) -> None:
    chance = random.Random(seed)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48)  # ZMTP 3.1, RFC 37
    ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    with serving(place, handler):
        Client(place, "peer").ask(ECHO, HELLO, call())
        before = len(os.listdir("/proc/self/fd"))
        for number in range(60):
            start = (b"", greeting[:11], greeting, greeting + ready)[number % 4]
            with socket.socket(socket.AF_UNIX) as garbage:
                garbage.connect(place)
                garbage.settimeout(0.05)
                try:
                    garbage.sendall(start + chance.randbytes(chance.randrange(300)))
                except OSError:
                    continue
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO
        assert _settles(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_a_connection_that_says_nothing_is_ended(place: str, handler: Handler) -> None:
    with serving(place, handler), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(place)
        silent.settimeout(10)
        while silent.recv(4096):
            pass


def test_nobody_else_may_enter_the_socket_and_its_directory(place: str, handler: Handler) -> None:
    with serving(place, handler):
        assert stat.S_IMODE(os.stat(place).st_mode) & 0o077 == 0
        assert stat.S_IMODE(os.stat(os.path.dirname(place)).st_mode) == 0o700


def test_a_directory_that_was_open_to_others_is_closed_before_the_socket_is_there(place: str, handler: Handler) -> None:
    os.mkdir(os.path.dirname(place), 0o755)
    with serving(place, handler):
        assert stat.S_IMODE(os.stat(os.path.dirname(place)).st_mode) == 0o700


def test_a_live_socket_cannot_be_taken_over(place: str, handler: Handler) -> None:
    with serving(place, handler):
        with pytest.raises(Failure, match=f"process {os.getpid()}") as caught, serving(place, Handler()):
            pass
        assert caught.value.code is Code.CONFLICT
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO
    assert len(handler.calls) == 1


def test_a_server_whose_place_was_taken_can_try_again(place: str, handler: Handler) -> None:
    second = Server(place, (ECHO.served_by(handler),))
    with serving(place, Handler()), pytest.raises(Failure):
        second.start()
    second.start()
    try:
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO
    finally:
        second.stop()


def test_a_stopped_server_leaves_its_place_to_the_next(place: str) -> None:
    for _ in range(3):
        with serving(place, Handler()):
            assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO
        assert not os.path.exists(place)


def test_a_socket_file_left_behind_is_no_hindrance(place: str, handler: Handler) -> None:
    os.mkdir(os.path.dirname(place))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(place)
    with serving(place, handler):
        assert Client(place, "peer").ask(ECHO, HELLO, call()) == HELLO


def test_a_file_that_is_no_socket_is_not_removed(place: str, handler: Handler) -> None:
    os.mkdir(os.path.dirname(place))
    with open(place, "w") as precious:
        precious.write("data")
    with pytest.raises(Failure) as caught, serving(place, handler):
        pass
    assert caught.value.code is Code.REFUSED
    with open(place) as precious:
        assert precious.read() == "data"


def test_a_directory_that_is_a_link_is_refused(place: str, handler: Handler) -> None:
    elsewhere = os.path.dirname(place) + "-elsewhere"
    os.mkdir(elsewhere)
    os.symlink(elsewhere, os.path.dirname(place))
    with pytest.raises(Failure) as caught, serving(place, handler):
        pass
    assert caught.value.code is Code.REFUSED
    assert os.listdir(elsewhere) == []


def test_a_command_under_way_is_still_answered_when_the_server_stops(place: str, handler: Handler) -> None:
    handler.gate.clear()
    with serving(place, handler) as server, Raw(place) as raw:
        raw.send(envelope())
        assert handler.entered.acquire(timeout=10)
        threading.Timer(0.2, handler.gate.set).start()
        server.stop()
        assert raw.reply().error is None


def test_a_command_that_hangs_does_not_keep_the_server_from_stopping(place: str, handler: Handler) -> None:
    handler.gate.clear()
    with serving(place, handler) as server, Raw(place) as raw:
        raw.send(envelope())
        assert handler.entered.acquire(timeout=10)
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 5
        server.stop()


def test_a_server_leaves_no_descriptors_behind(place: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(place, Handler()):
        Client(place, "peer").ask(ECHO, HELLO, call())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with serving(place, Handler()):
            Client(place, "peer").ask(ECHO, HELLO, call())
    assert _settles(lambda: len(os.listdir("/proc/self/fd")) <= before)


def _settles(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
