"""How requests and answers meet on a netlink socket, whatever the kernel answers."""

from __future__ import annotations

import errno
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from adapters.netlink.codec import Request
from adapters.netlink.socket import KernelError, NetlinkSocket
from ports.errors import Code, Failure
from tests.netlink.kernel_end import (
    DONE,
    DUMP_INTR,
    MULTI,
    NEWLINK,
    Answer,
    KernelEnd,
    error,
    message,
)

GET, SET = Request(kind=18), Request(kind=19)
BODY = bytes(16)
Connect = Callable[..., tuple[NetlinkSocket, KernelEnd]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    ends: list[KernelEnd] = []

    def start(*scripts: Answer, timeout: float = 10.0) -> tuple[NetlinkSocket, KernelEnd]:
        end = KernelEnd(*scripts)
        ends.append(end)
        return NetlinkSocket(timeout, end.near), end

    yield start
    for end in ends:
        end.close()


def test_an_acknowledged_change_returns(connect: Connect) -> None:
    socket, end = connect(lambda sequence: [error(sequence, 0)])
    socket.change(SET, "eth1")
    (request,) = end.requests
    assert struct.unpack_from("=HH", request, 4) == (19, 0x1 | 0x4)


@pytest.mark.parametrize("capped", [True, False])
def test_a_refusal_holds_the_kernels_words(connect: Connect, capped: bool) -> None:
    socket, _ = connect(lambda sequence: [error(sequence, errno.EINVAL, "mtu greater than device maximum", capped)])
    with pytest.raises(KernelError) as caught:
        socket.change(SET, "eth1")
    assert caught.value.code is Code.KERNEL
    assert caught.value.errno == errno.EINVAL
    assert str(caught.value) == "eth1: Invalid argument: mtu greater than device maximum"


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENODEV, Code.NOT_FOUND), (errno.EEXIST, Code.CONFLICT), (errno.EPERM, Code.KERNEL)],
)
def test_refusals_have_codes(connect: Connect, number: int, code: Code) -> None:
    socket, _ = connect(lambda sequence: [error(sequence, number)])
    with pytest.raises(Failure) as caught:
        socket.change(SET, "eth1")
    assert caught.value.code is code


def test_a_missing_capability_is_named(connect: Connect) -> None:
    socket, _ = connect(lambda sequence: [error(sequence, errno.EPERM)])
    with pytest.raises(Failure, match="CAP_NET_ADMIN"):
        socket.change(SET, "eth1")


def test_a_kernel_that_does_not_answer_is_a_missed_deadline(connect: Connect) -> None:
    socket, _ = connect(timeout=0.05)
    with pytest.raises(Failure) as caught:
        socket.change(SET, "eth1")
    assert caught.value.code is Code.DEADLINE


def test_strangers_messages_do_not_put_the_deadline_off(connect: Connect) -> None:
    def chatter(sequence: int) -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield message(NEWLINK, sequence + 1000, BODY)

    socket, _ = connect(chatter, timeout=0.1)
    with pytest.raises(Failure) as caught:
        socket.ask(GET, "eth1")
    assert caught.value.code is Code.DEADLINE


def test_the_late_answer_to_a_request_given_up_is_not_taken_for_the_next_ones(connect: Connect) -> None:
    def late(sequence: int) -> list[bytes]:
        return [error(sequence - 1, errno.EINVAL, "late"), error(sequence, 0)]

    socket, _ = connect(lambda _: [], late, timeout=0.2)
    with pytest.raises(Failure):
        socket.change(SET, "eth1")
    socket.change(SET, "eth1")


def test_a_dump_comes_in_several_datagrams_and_ends_with_done(connect: Connect) -> None:
    def answers(sequence: int) -> list[bytes]:
        one = message(NEWLINK, sequence, BODY, MULTI)
        return [one + one, one, message(DONE, sequence, struct.pack("=i", 0), MULTI)]

    socket, _ = connect(answers)
    assert len(socket.dump(GET, "links")) == 3


def test_an_interrupted_dump_is_done_again(connect: Connect) -> None:
    def torn(sequence: int) -> list[bytes]:
        return [message(NEWLINK, sequence, BODY, MULTI | DUMP_INTR), message(DONE, sequence, bytes(4), MULTI)]

    def whole(sequence: int) -> list[bytes]:
        one = message(NEWLINK, sequence, BODY, MULTI)
        return [one, one, message(DONE, sequence, bytes(4), MULTI)]

    socket, end = connect(torn, torn, whole)
    assert len(socket.dump(GET, "links")) == 2
    assert len(end.requests) == 3


def test_a_dump_that_is_always_interrupted_fails_in_the_end(connect: Connect) -> None:
    def torn(sequence: int) -> list[bytes]:
        return [message(DONE, sequence, bytes(4), MULTI | DUMP_INTR)]

    socket, _ = connect(*[torn] * 30)
    with pytest.raises(Failure, match="kept changing"):
        socket.dump(GET, "links")


def test_a_dump_that_fails_at_its_end_fails(connect: Connect) -> None:
    socket, _ = connect(lambda sequence: [message(DONE, sequence, struct.pack("=i", -errno.ENOMEM), MULTI)])
    with pytest.raises(KernelError) as caught:
        socket.dump(GET, "links")
    assert caught.value.errno == errno.ENOMEM


def test_an_answer_that_is_too_long_is_refused_and_not_cut(connect: Connect) -> None:
    socket, _ = connect(lambda sequence: [message(NEWLINK, sequence, bytes(70000))])
    with pytest.raises(Failure, match="longer than"):
        socket.ask(GET, "eth1")


def test_a_closed_socket_says_so(connect: Connect) -> None:
    socket, _ = connect()
    socket.close()
    socket.close()
    with pytest.raises(Failure, match="after it was closed"):
        socket.ask(GET, "eth1")


def test_a_signal_does_not_interrupt_a_request(connect: Connect) -> None:
    def slow(sequence: int) -> list[bytes]:
        threading.Event().wait(0.3)
        return [error(sequence, 0)]

    caught: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: caught.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        socket, _ = connect(slow)
        socket.change(SET, "eth1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert caught


def test_threads_may_share_a_socket(connect: Connect) -> None:
    def answer(sequence: int) -> list[bytes]:
        time.sleep(0.001)
        return [message(NEWLINK, sequence, struct.pack("=I", sequence) + bytes(12))]

    socket, _ = connect(*[answer] * 40)
    answers: list[bytes] = []

    def ask() -> None:
        answers.extend(socket.ask(GET, "eth1") for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer[16:20] for answer in answers}) == 40
