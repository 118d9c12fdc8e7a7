"""Conversations: the right answer to each request, refusals in the kernel's words, nothing waited for without end."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator

import pytest

from adapters.rdma import codec, nldev
from adapters.rdma.codec import Command
from adapters.rdma.socket import RdmaError, Talk, talking
from ports.devices import DeviceNode, RdmaLink
from ports.errors import Code, Failure
from tests.rdma.kernel_end import Card, RdmaKernel, message, refused

RDMA = RdmaLink(name="mlx5_0", index=2)
VERBS = (231 << 8) | 192  # as the kernel encodes a dev_t: twelve bits of major above eight of minor


@pytest.fixture
def card() -> Card:
    nodes = {
        ("uverbs", 0): ("uverbs0", VERBS),
        ("umad", 1): ("umad0", 231 << 8),
        ("issm", 1): ("issm0", (231 << 8) | 64),
        ("rdma_cm", 0): ("rdma_cm", (10 << 8) | 122),
    }
    return Card(name="mlx5_0", index=2, interfaces=(7,), nodes=nodes)


@pytest.fixture
def kernel(card: Card) -> RdmaKernel:
    return RdmaKernel(card)


@pytest.fixture
def talk(kernel: RdmaKernel) -> Talk:
    return Talk(kernel, 1.0)


@pytest.mark.parametrize(("mode", "exclusive"), [(1, False), (0, True), (None, False)])
def test_the_mode_is_what_the_kernel_says_and_shared_where_it_says_nothing(mode: int | None, exclusive: bool) -> None:
    assert nldev.exclusive(Talk(RdmaKernel(mode=mode), 1.0)) is exclusive


def test_devices_and_the_interfaces_of_their_ports_are_read(talk: Talk, kernel: RdmaKernel) -> None:
    assert nldev.devices(talk) == (nldev.Seen(rdma=RDMA, protocol="roce"),)
    assert nldev.owner(talk, RDMA) == 7
    assert kernel.requests == [(Command.GET, 0x301), (Command.PORT_GET, 0x301)]


def test_the_first_port_with_an_interface_owns_a_switchs_device(talk: Talk, card: Card) -> None:
    card.interfaces = (None, 9, 11)
    assert nldev.owner(talk, RDMA) == 9


def test_a_device_that_is_gone_has_no_ports(talk: Talk) -> None:
    assert nldev.ports(talk, RdmaLink(name="gone", index=77)) == ()


def test_all_character_devices_are_found_with_their_modes(talk: Talk) -> None:
    assert set(nldev.nodes(talk, RDMA)) == {
        DeviceNode(path="/dev/infiniband/uverbs0", type="c", major=231, minor=192),
        DeviceNode(path="/dev/infiniband/rdma_cm", type="c", major=10, minor=122),
        DeviceNode(path="/dev/infiniband/umad0", type="c", major=231, minor=0, mode=0o600),
        DeviceNode(path="/dev/infiniband/issm0", type="c", major=231, minor=64, mode=0o600),
    }


def test_a_kind_that_the_device_has_not_is_left_out(talk: Talk, card: Card) -> None:
    card.nodes = {("uverbs", 0): ("uverbs3", VERBS + 3)}
    assert nldev.nodes(talk, RDMA) == (DeviceNode(path="/dev/infiniband/uverbs3", type="c", major=231, minor=195),)


def test_a_move_names_index_and_descriptor_and_never_the_name(talk: Talk, kernel: RdmaKernel) -> None:
    sent: list[bytes] = []
    original = kernel.send
    kernel.send = lambda data, /: sent.append(data) or original(data)  # type: ignore[method-assign, func-returns-value]
    nldev.move(talk, RDMA, 9)
    (data,) = sent
    assert set(codec.attributes(data[16:])) == {codec.Attribute.DEV_INDEX, codec.Attribute.NET_NS_FD}
    assert codec.HEADER.unpack_from(data)[2] == codec.REQUEST | codec.ACK


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENODEV, Code.NOT_FOUND), (errno.EEXIST, Code.CONFLICT), (errno.EOPNOTSUPP, Code.KERNEL)],
)
def test_a_refusal_has_the_kernels_words_and_number(talk: Talk, kernel: RdmaKernel, number: int, code: Code) -> None:
    kernel.script = lambda sequence: [refused(sequence, number, "no way")]
    with pytest.raises(RdmaError, match="no way") as caught:
        nldev.move(talk, RDMA, 9)
    assert (caught.value.code, caught.value.errno) == (code, number)
    assert "mlx5_0" in str(caught.value)


def test_a_late_answer_to_an_earlier_request_is_not_taken_for_this_ones(talk: Talk, kernel: RdmaKernel) -> None:
    late = message(0x1406, 99, struct.pack("=HHBxxx", 5, codec.Attribute.SYS_NETNS_MODE, 0))
    mine = struct.pack("=HHBxxx", 5, codec.Attribute.SYS_NETNS_MODE, 1)
    kernel.script = lambda sequence: [late, message(0x1406, sequence, mine)]
    assert nldev.exclusive(talk) is False


def test_an_interrupted_dump_is_done_again(talk: Talk, kernel: RdmaKernel) -> None:
    done = struct.pack("=i", 0)
    kernel.script = lambda sequence: (
        [message(codec.DONE, sequence, done, codec.DUMP_INTERRUPTED)] if sequence < 3 else None
    )
    assert [seen.rdma for seen in nldev.devices(talk)] == [RDMA]
    assert len(kernel.requests) == 3


def test_a_table_that_never_stands_still_is_a_failure(talk: Talk, kernel: RdmaKernel) -> None:
    kernel.script = lambda sequence: [message(codec.DONE, sequence, b"", codec.DUMP_INTERRUPTED)]
    with pytest.raises(Failure, match="kept changing"):
        nldev.devices(talk)


def test_a_dump_that_ends_with_an_error_is_one(talk: Talk, kernel: RdmaKernel) -> None:
    kernel.script = lambda sequence: [message(codec.DONE, sequence, struct.pack("=i", -errno.EMFILE))]
    with pytest.raises(RdmaError) as caught:
        nldev.devices(talk)
    assert caught.value.errno == errno.EMFILE


def test_a_kernel_that_does_not_answer_is_a_deadline(talk: Talk, kernel: RdmaKernel) -> None:
    kernel.script = lambda _sequence: []
    with pytest.raises(Failure) as caught:
        nldev.exclusive(talk)
    assert caught.value.code is Code.DEADLINE


def test_an_acknowledgement_is_no_answer_to_a_question(talk: Talk, kernel: RdmaKernel) -> None:
    kernel.script = lambda sequence: [refused(sequence, 0)]
    with pytest.raises(Failure, match="no answer"):
        nldev.exclusive(talk)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A descriptor that is taken for another namespace's."""
    monkeypatch.setattr("adapters.rdma.socket._opened", lambda _seconds: _Closing())
    monkeypatch.setattr("adapters.rdma.socket._enter", lambda _descriptor: None)
    monkeypatch.setattr("adapters.rdma.socket.is_own", lambda _descriptor: False)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    yield own
    os.close(own)


def test_work_that_never_ends_is_left_behind(elsewhere: int) -> None:
    held = threading.Event()
    with pytest.raises(Failure) as caught:
        talking(lambda _talk: held.wait(30), elsewhere, 0.05)
    assert caught.value.code is Code.DEADLINE
    held.set()
    for thread in threading.enumerate():
        if thread.name == "knd-rdma":
            thread.join()


def test_each_conversation_leaves_no_descriptor_and_no_thread(elsewhere: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert talking(lambda _talk: 5, elsewhere, 1.0) == 5
        with pytest.raises(Failure):
            talking(_failing, elsewhere, 1.0)
    assert len(os.listdir("/proc/self/fd")) == before
    assert "knd-rdma" not in {thread.name for thread in threading.enumerate()}


def _failing(_talk: Talk) -> None:
    raise Failure(Code.KERNEL, "x", "y")


class _Closing(RdmaKernel):
    def __enter__(self) -> _Closing:
        return self

    def __exit__(self, *_: object) -> None:
        return
