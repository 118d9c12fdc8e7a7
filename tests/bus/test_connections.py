"""Connections that are kept between calls: used again, and never one on which anything may still come."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import msgpack
import pytest
import zmq

from adapters.bus.client import Client
from ports.errors import Code, Failure
from tests.bus.asking import ECHO, Handler, Word, call, serving


class Echo:
    """A server of ``echo`` that notes who asked; ``hold`` makes it keep an answer back until the next question."""

    def __init__(self, path: str) -> None:
        self.askers: list[bytes] = []
        self.hold = False
        self._held: list[list[bytes]] = []
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.bind(f"ipc://{path}")
        self._stopping = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(10)
        self._socket.close(linger=0)

    def _serve(self) -> None:
        while not self._stopping:
            if not self._socket.poll(20):
                continue
            asker, frame = self._socket.recv_multipart()
            self.askers.append(asker)
            question = msgpack.unpackb(frame)
            answer = {"v": 1, "id": question["id"], "result": question["payload"], "error": None}
            self._held.append([asker, msgpack.packb(answer)])
            if not self.hold:
                for message in self._held:
                    self._socket.send_multipart(message)
                self._held.clear()


@pytest.fixture
def echo(place: str) -> Iterator[Echo]:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    made = Echo(place)
    yield made
    made.stop()


def ask(client: Client, text: str, seconds: float = 10.0) -> str:
    return client.ask(ECHO, Word(text=text), call(seconds)).text


def test_calls_one_after_the_other_use_one_connection(place: str, echo: Echo) -> None:
    client = Client(place, "peer")
    assert [ask(client, text) for text in ("a", "b", "c")] == ["a", "b", "c"]
    assert len(set(echo.askers)) == 1


def test_an_answer_that_comes_too_late_meets_no_other_question(place: str, echo: Echo) -> None:
    client = Client(place, "peer")
    ask(client, "first")
    echo.hold = True
    with pytest.raises(Failure) as caught:
        ask(client, "given up", 0.3)
    assert caught.value.code is Code.DEADLINE
    echo.hold = False
    assert [ask(client, text) for text in ("next", "last")] == ["next", "last"]
    assert echo.askers[2] != echo.askers[1], "the connection of the question that was given up is not used again"


def test_a_command_without_time_left_is_not_sent_on_a_kept_connection(place: str) -> None:
    handler = Handler()
    with serving(place, handler):
        client = Client(place, "peer")
        ask(client, "first")
        with pytest.raises(Failure) as caught:
            ask(client, "late", -1.0)
        assert caught.value.code is Code.DEADLINE
        time.sleep(0.2)
        assert len(handler.calls) == 1


def test_many_at_once_each_get_their_own_answer(place: str) -> None:
    with serving(place, Handler()):
        client, answers = Client(place, "peer"), dict[int, str]()
        ask(client, "first")
        threads = [threading.Thread(target=lambda n=n: answers.update({n: ask(client, str(n))})) for n in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert answers == {n: str(n) for n in range(24)}


def test_a_client_that_is_gone_leaves_no_connection(place: str, echo: Echo) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        ask(Client(place, "peer"), "x")
    gc.collect()
    end = time.monotonic() + 10
    while len(os.listdir("/proc/self/fd")) > before + 4 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(os.listdir("/proc/self/fd")) <= before + 4
