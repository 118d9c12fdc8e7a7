"""The NRI frontend's view of the ledger: what is not there is not ours, what cannot be trusted is said to be so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.ledger import reader
from adapters.ledger.reader import FileLedgerReader
from ports.errors import Code, Failure
from ports.ledger import PodRecord, encode
from tests.support.dataplane.host import hardware
from tests.support.ledger import FileLedger
from tests.support.plans import plan, pod_ref

BOOT = "boot-1"
RECORD = PodRecord(pod=pod_ref(), plans=(plan(hardware(3, "ens1")),))


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedgerReader:
    """A reader of a directory that has the record of one pod."""
    FileLedger(tmp_path, BOOT).write(RECORD)
    return FileLedgerReader(str(tmp_path), BOOT)


def corrupt(ledger: FileLedgerReader, uid: str = RECORD.pod.uid) -> str:
    """Why the record is not to be trusted."""
    with pytest.raises(Failure) as caught:
        ledger.read(uid)
    assert caught.value.code is Code.CORRUPT
    return str(caught.value)


def test_a_record_is_read_as_it_was_written(ledger: FileLedgerReader) -> None:
    assert ledger.read(RECORD.pod.uid) == RECORD


def test_no_file_is_not_ours(ledger: FileLedgerReader) -> None:
    assert ledger.read(pod_ref("other").uid) is None


def test_no_directory_is_nothing_prepared(tmp_path: Path) -> None:
    assert FileLedgerReader(str(tmp_path / "ledger"), BOOT).read(RECORD.pod.uid) is None


@pytest.mark.parametrize("uid", ["", "../secret", "a/b", "x" * 200, "\x00"])
def test_a_uid_that_cannot_be_in_the_ledger_is_not_ours(ledger: FileLedgerReader, uid: str) -> None:
    assert ledger.read(uid) is None


def test_a_torn_record_is_corrupt(ledger: FileLedgerReader, tmp_path: Path) -> None:
    path = tmp_path / f"{RECORD.pod.uid}.json"
    path.write_bytes(path.read_bytes()[:100])
    assert "not JSON" in corrupt(ledger)


def test_a_record_of_another_boot_is_void(ledger: FileLedgerReader, tmp_path: Path) -> None:
    FileLedger(tmp_path, "boot-0").write(RECORD)
    assert "another boot" in corrupt(ledger)


def test_a_record_under_the_name_of_another_pod_is_corrupt(ledger: FileLedgerReader, tmp_path: Path) -> None:
    (tmp_path / f"{pod_ref('other').uid}.json").write_bytes(encode(RECORD, BOOT))
    assert "another pod" in corrupt(ledger, pod_ref("other").uid)


def test_a_directory_in_the_place_of_a_record_is_corrupt(ledger: FileLedgerReader, tmp_path: Path) -> None:
    (tmp_path / f"{pod_ref('other').uid}.json").mkdir()
    assert "cannot be read" in corrupt(ledger, pod_ref("other").uid)


def test_a_pipe_in_the_place_of_a_record_does_not_hold_us_up(ledger: FileLedgerReader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"{pod_ref('other').uid}.json")
    corrupt(ledger, pod_ref("other").uid)


def test_a_file_without_end_is_not_read_to_its_end(
    ledger: FileLedgerReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_BYTES", 64)
    assert "larger than 64 bytes" in corrupt(ledger)


def test_the_boot_is_the_kernels(tmp_path: Path) -> None:
    FileLedger(tmp_path, reader.boot_id()).write(RECORD)
    assert FileLedgerReader(str(tmp_path)).read(RECORD.pod.uid) == RECORD
    assert len(reader.boot_id()) == 36
