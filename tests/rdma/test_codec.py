"""Golden messages, and answers that a kernel should not send."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.rdma import codec
from adapters.rdma.codec import ACK, DUMP, Attribute, Command, number, request, text

INDEX = number(Attribute.DEV_INDEX, 2)


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (request(Command.GET, DUMP, 1), "10000000011401030100000000000000"),
        (request(Command.SYS_GET, 0, 2), "10000000061401000200000000000000"),
        (
            request(Command.SET, ACK, 3, INDEX, number(Attribute.NET_NS_FD, 7)),
            "2000000002140500030000000000000008000100020000000800440007000000",
        ),
        (
            request(Command.GET_CHARDEV, 0, 4, INDEX, text(Attribute.CHARDEV_TYPE, "uverbs")),
            "240000000f140100040000000000000008000100020000000b0045007576657262730000",
        ),
        (request(Command.PORT_GET, DUMP, 5, INDEX), "180000000514010305000000000000000800010002000000"),
    ],
)
def test_a_request_is_these_bytes(made: bytes, wire: str) -> None:
    assert made.hex() == wire


def test_padding_before_a_number_of_64_bits_is_skipped() -> None:
    padded = struct.pack("=HH", 4, 0) + struct.pack("=HHQ", 12, Attribute.CHARDEV, 0xE7C0)
    assert codec.attributes(padded) == {Attribute.CHARDEV: struct.pack("=Q", 0xE7C0)}


def test_flag_bits_of_an_attributes_type_are_not_part_of_it() -> None:
    assert codec.attributes(struct.pack("=HHI", 8, 0x8000 | 3, 1)) == {3: struct.pack("=I", 1)}


@given(st.binary(max_size=64))
def test_no_bytes_are_too_odd_to_be_read(data: bytes) -> None:
    for _kind, _flags, _sequence, message in codec.messages(data):
        codec.attributes(message)
    assert all(len(payload) <= len(data) for payload in codec.attributes(data).values())


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=40))
def test_a_text_comes_back_as_it_was(value: str) -> None:
    found = codec.attributes(text(Attribute.DEV_NAME, value) + INDEX)
    assert codec.as_text(found[Attribute.DEV_NAME]) == value
    assert codec.as_number(found[Attribute.DEV_INDEX]) == 2
