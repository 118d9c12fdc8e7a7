"""The asking end: it says at once who is away, never waits past the deadline, and never leaves a command behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from adapters.bus.client import Client
from adapters.bus.frontends import RuntimeLinkClient
from ports.errors import Code, Failure
from tests.bus.asking import ECHO, Handler, Word, call
from tests.bus.asking import serving as serving_here
from tests.support.bus_process import serving

WORD = Word(text="hello")


def asked(process: subprocess.Popen[str]) -> str:
    """The next command the process says it has begun."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill_when_asked(process: subprocess.Popen[str]) -> None:
    """Kill the process as soon as it has begun a command, while the test waits for the answer."""

    def kill() -> None:
        asked(process)
        process.kill()

    threading.Thread(target=kill).start()


def refusal(place: str, seconds: float = 10.0) -> Failure:
    with pytest.raises(Failure) as caught:
        Client(place, "knd dataplane").ask(ECHO, WORD, call(seconds))
    return caught.value


def test_a_peer_that_was_never_there_is_named_at_once(place: str) -> None:
    begun = time.monotonic()
    failure = refusal(place, 60)
    assert failure.code is Code.UNAVAILABLE
    assert failure.subject == "knd dataplane"
    assert place in failure.detail
    assert "running" in failure.hint
    assert time.monotonic() - begun < 10


def test_a_peer_that_was_killed_is_named_at_once(place: str) -> None:
    with serving(place):
        pass
    assert os.path.exists(place), "a killed server leaves its socket"
    begun = time.monotonic()
    assert refusal(place, 60).code is Code.UNAVAILABLE
    assert time.monotonic() - begun < 10


def test_a_command_without_time_left_is_not_sent(place: str) -> None:
    handler = Handler()
    with serving_here(place, handler):
        assert refusal(place, -1).code is Code.DEADLINE
        assert not handler.calls


def test_nobody_waits_past_the_deadline_for_a_peer_that_hangs(place: str) -> None:
    with serving(place) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)  # all its threads stand still
        begun = time.monotonic()
        failure = refusal(place, 0.5)
        process.send_signal(signal.SIGCONT)
        assert failure.code is Code.DEADLINE
        assert 0.5 <= time.monotonic() - begun < 5


def test_a_command_given_up_for_a_peer_that_was_away_never_arrives_later(place: str) -> None:
    refusal(place)
    handler = Handler()
    with serving_here(place, handler):
        time.sleep(0.3)
        assert not handler.calls


def test_a_peer_that_was_restarted_between_two_calls_is_found(place: str) -> None:
    link = RuntimeLinkClient(place)
    for runtime in ("first", "second"):
        with serving(place, runtime=runtime):
            assert link.state(call()).runtime == runtime


def test_a_peer_killed_before_it_answered_is_asked_again_with_the_same_key(place: str) -> None:
    answers: list[str] = []
    once = call(30)
    asking = threading.Thread(target=lambda: answers.append(RuntimeLinkClient(place).state(once).runtime))
    with serving(place, delay=60) as process:
        asking.start()
        assert asked(process) == f"asked {once.key}"
    with serving(place, runtime="second") as process:
        asking.join(20)
        assert answers == ["second"]
        assert asked(process) == f"asked {once.key}"


def test_a_peer_killed_before_it_answered_and_not_restarted_is_named(place: str) -> None:
    with serving(place, delay=60) as process:
        kill_when_asked(process)
        with pytest.raises(Failure) as caught:
            RuntimeLinkClient(place).state(call(30))
    assert caught.value.code is Code.UNAVAILABLE


def test_waiting_for_a_peer_to_come_back_ends_with_the_deadline(place: str) -> None:
    with serving(place, delay=60) as process:
        kill_when_asked(process)
        begun = time.monotonic()
        with pytest.raises(Failure) as caught:
            RuntimeLinkClient(place).state(call(1.5))
    assert caught.value.code in (Code.DEADLINE, Code.UNAVAILABLE)
    assert time.monotonic() - begun < 5


def test_a_question_that_fits_no_frame_is_refused_before_it_is_sent(place: str) -> None:
    with pytest.raises(Failure) as caught:
        Client(place, "peer").ask(ECHO, Word(text="x" * (2 << 20)), call())
    assert caught.value.code is Code.INVALID


def test_calls_leave_no_descriptors_behind(place: str) -> None:
    with serving_here(place, Handler()):
        client = Client(place, "peer")
        client.ask(ECHO, WORD, call())
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(100):
            client.ask(ECHO, WORD, call())
        end = time.monotonic() + 10
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < end:
            time.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) <= before
