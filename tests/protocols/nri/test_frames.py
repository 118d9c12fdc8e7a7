"""Frames and multiplexer: any split of the bytes gives the same messages, and impossible lengths are noticed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.nri import frames, mux
from adapters.nri.frames import Frame, FrameReader, Oversize

FRAMES = st.builds(
    Frame,
    stream=st.integers(0, 2**32 - 1),
    kind=st.integers(0, 255),
    flags=st.integers(0, 255),
    payload=st.binary(max_size=200) | st.integers(4000, 9000).map(bytes),
)
CUTS = st.lists(st.integers(1, 5000), min_size=1, max_size=20)


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(data):
        pieces.append(data[at : at + cuts[turn % len(cuts)]])
        at, turn = at + cuts[turn % len(cuts)], turn + 1
    return pieces


@given(st.lists(FRAMES, max_size=8), CUTS)
def test_any_split_of_a_stream_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    reader = FrameReader()
    data = b"".join(map(frames.encode, sent))
    assert [frame for piece in _pieces(data, cuts) for frame in reader.feed(piece)] == sent
    assert reader.missing == 0


@given(st.lists(st.tuples(st.integers(0, 3), FRAMES), max_size=8), CUTS)
def test_any_split_of_the_connection_gives_the_same_streams(sent: list[tuple[int, Frame]], cuts: list[int]) -> None:
    demultiplexer, readers = mux.Demultiplexer(), {channel: FrameReader() for channel in range(4)}
    data = b"".join(mux.split(channel, frames.encode(frame)) for channel, frame in sent)
    received = [
        (part.channel, frame)
        for piece in _pieces(data, cuts)
        for part in demultiplexer.feed(piece)
        for frame in readers[part.channel].feed(part.payload)
    ]
    assert received == sent


@given(st.integers(1, 100_000))
def test_a_message_goes_out_in_at_most_two_frames_of_which_the_first_fits_the_runtimes_buffer(size: int) -> None:
    pieces = list(mux.Demultiplexer().feed(mux.split(1, bytes(size))))
    assert [len(piece.payload) for piece in pieces] == [min(size, 4096)] + [size - 4096] * (size > 4096)


def test_a_message_of_five_thousand_bytes_is_split_as_go_splits_it() -> None:
    message = frames.encode(Frame(stream=1, kind=frames.REQUEST, payload=bytes(4990)))
    pieces = list(mux.Demultiplexer().feed(mux.split(2, message)))
    assert [(piece.channel, len(piece.payload)) for piece in pieces] == [(2, 4096), (2, 904)]


def test_the_largest_message_goes_through() -> None:
    frame = Frame(stream=1, kind=frames.REQUEST, payload=bytes(frames.MAX_PAYLOAD))
    reader = FrameReader()
    pieces = mux.Demultiplexer().feed(mux.split(1, frames.encode(frame)))
    assert [got for piece in pieces for got in reader.feed(piece.payload)] == [frame]


def test_a_larger_message_is_not_sent() -> None:
    with pytest.raises(frames.TooLarge, match="exceed maximum message size of 4194304"):
        frames.encode(Frame(stream=1, kind=frames.REQUEST, payload=bytes(frames.MAX_PAYLOAD + 1)))


def test_an_announced_length_over_the_limit_is_told_and_its_body_skipped() -> None:
    reader, length = FrameReader(), frames.MAX_PAYLOAD + 1
    after = Frame(stream=9, kind=frames.REQUEST, payload=b"next")
    head = struct.pack(">IIBB", length, 7, frames.REQUEST, 0)
    got = list(reader.feed(head))
    for _ in range(length // 4096):
        got += reader.feed(bytes(4096))
    got += reader.feed(bytes(length % 4096) + frames.encode(after))
    assert got == [Oversize(stream=7, kind=frames.REQUEST, length=length), after]


def test_the_reader_tells_what_the_message_still_misses() -> None:
    reader = FrameReader()
    message = frames.encode(Frame(stream=1, kind=frames.REQUEST, payload=bytes(6000)))
    assert list(reader.feed(message[:4096])) == []
    assert reader.missing == 6010 - 4096


def test_a_multiplexer_frame_of_an_impossible_length_is_garbage() -> None:
    largest = mux.Demultiplexer()
    assert list(largest.feed(struct.pack(">II", 1, mux.MAX_FRAME))) == []
    with pytest.raises(mux.Garbage, match="multiplexer frame of 4194315 bytes on channel 1"):
        list(mux.Demultiplexer().feed(struct.pack(">II", 1, mux.MAX_FRAME + 1)))


@given(st.binary(max_size=300))
def test_garbage_never_does_more_than_be_garbage(data: bytes) -> None:
    reader = FrameReader()
    try:
        pieces = list(mux.Demultiplexer().feed(data))
    except mux.Garbage:
        return
    for piece in pieces:
        list(reader.feed(piece.payload))
