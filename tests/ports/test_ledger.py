"""The ledger's form on disk: read back equal, and no damage goes unnoticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.errors import Code, Failure
from ports.ledger import Phase, PodRecord, decode, encode, file_name
from ports.plan import ClaimRef, Plan, PodRef

BOOT = "5f2b"
RECORD = PodRecord(
    pod=PodRef(namespace="ns", name="pod-ä", uid="u-1"),
    plans=(
        Plan(
            claim=ClaimRef(namespace="ns", name="c", uid="c-1"),
            pod=PodRef(namespace="ns", name="pod-ä", uid="u-1"),
            devices=(),
        ),
    ),
    phase=Phase.ATTACHED,
    sandbox="s-1",
)


def test_a_record_survives_its_file() -> None:
    assert decode(encode(RECORD, BOOT), BOOT) == RECORD


@given(st.data())
def test_no_single_changed_byte_yields_another_record(data: st.DataObject) -> None:
    encoded = bytearray(encode(RECORD, BOOT))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert decode(bytes(encoded), BOOT) == RECORD
    except Failure as failure:
        assert failure.code is Code.CORRUPT


@given(st.integers(0, len(encode(RECORD, BOOT)) - 2))
def test_a_truncated_file_is_corrupt(length: int) -> None:
    with pytest.raises(Failure) as caught:
        decode(encode(RECORD, BOOT)[:length], BOOT)
    assert caught.value.code is Code.CORRUPT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema 2"),
        ({"boot_id": "other"}, "another boot"),
        ({"sha256": "0"}, "checksum"),
        ({"more": 1}, "not a ledger record"),
    ],
)
def test_the_reason_names_what_is_wrong(change: dict[str, Any], words: str) -> None:
    sealed = json.loads(encode(RECORD, BOOT)) | change
    with pytest.raises(Failure, match=words):
        decode(json.dumps(sealed).encode(), BOOT)


@pytest.mark.parametrize("uid", ["", "../x", "a/b", "a..b", ".hidden", "x" * 200, "a\n"])
def test_a_uid_cannot_leave_the_directory(uid: str) -> None:
    with pytest.raises(Failure) as caught:
        file_name(uid)
    assert caught.value.code is Code.INVALID
