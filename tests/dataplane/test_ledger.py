"""The ledger's files: whatever happens to one costs that pod alone."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.files import MAX_BYTES
from dataplane.ledger import PREVIOUS, QUARANTINE, FileLedger
from ports.devices import Address, RdmaLimits
from ports.errors import Code, Failure
from ports.ledger import Phase, PodRecord, decode, encode
from ports.queueing import NOTHING
from tests.dataplane.bench import POD, make_host
from tests.support.plans import pod_ref

BOOT = "11111111-2222-4333-8444-555555555555"
FIRST = Path(__file__).with_name("first_record.json")
OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger"


@pytest.fixture
def ledger(directory: Path) -> FileLedger:
    """An empty ledger."""
    return FileLedger(str(directory), BOOT)


def record(name: str = "web") -> PodRecord:
    host = make_host()
    pod = pod_ref(name)
    return PodRecord(pod=pod, plans=(host.plan(pod=pod, name=name),), phase=Phase.PREPARED)


def path_of(directory: Path, kept: PodRecord) -> Path:
    return directory / f"{kept.pod.uid}.json"


def test_what_was_written_is_read_also_by_the_next_process(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    ledger.write(kept)
    ledger.write(attached := replace(kept, phase=Phase.ATTACHED, sandbox="s", netns="/n", netns_cookie="4:1"))
    again = FileLedger(str(directory), BOOT)
    assert again.read(kept.pod.uid) == ledger.read(kept.pod.uid) == attached
    assert again.records() == (attached,)


@pytest.mark.parametrize("phase", [Phase.PREPARED, Phase.ATTACHING])
def test_a_record_is_whole_before_it_has_its_name(
    ledger: FileLedger, directory: Path, monkeypatch: pytest.MonkeyPatch, phase: Phase
) -> None:
    kept = replace(record(), phase=phase)
    named: list[str] = []
    rename = os.rename

    def note(aside: str, path: str) -> None:
        assert decode(Path(aside).read_bytes(), BOOT) == kept
        named.append(Path(path).suffix)
        rename(aside, path)

    monkeypatch.setattr(os, "rename", note)
    ledger.write(kept)
    assert named == [*([PREVIOUS] if phase is Phase.ATTACHING else []), ".json"]


def test_a_file_that_is_as_it_was_is_not_read_again(
    ledger: FileLedger, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = record()
    ledger.write(kept)
    assert ledger.read(kept.pod.uid) == kept
    monkeypatch.setattr("dataplane.ledger.decode", None)
    assert ledger.read(kept.pod.uid) == kept
    monkeypatch.undo()
    ledger.write(replace(kept, reason="another"))
    assert ledger.read(kept.pod.uid) == replace(kept, reason="another")
    path_of(directory, kept).write_bytes(b"torn")
    with pytest.raises(Failure, match="not JSON"):
        ledger.read(kept.pod.uid)
    ledger.remove(kept.pod.uid)
    assert ledger.read(kept.pod.uid) is None


def test_nothing_is_remembered_of_pods_that_are_gone(ledger: FileLedger, directory: Path) -> None:
    for name in ("one", "two"):
        ledger.write(record(name))
    path_of(directory, record("two")).write_text("torn")
    ledger.remove(record("one").pod.uid)
    assert ledger.records() == ()
    assert not ledger._known


def test_a_record_is_for_nobody_else_to_read(ledger: FileLedger, directory: Path) -> None:
    ledger.write(record())
    assert stat.S_IMODE(path_of(directory, record()).stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir() if path.name.startswith(".")] == []


def test_an_unknown_pod_has_no_record_and_can_be_removed(ledger: FileLedger) -> None:
    assert ledger.read("unknown") is None
    ledger.remove("unknown")
    assert ledger.records() == ()


def test_a_removed_record_is_gone(ledger: FileLedger, directory: Path) -> None:
    ledger.write(record())
    ledger.remove(POD.uid)
    assert ledger.read(POD.uid) is None
    assert FileLedger(str(directory), BOOT).records() == ()


@pytest.mark.parametrize("uid", ["../x", "a/b", "", ".", "..", "x\0y", "a" * 200])
def test_a_pod_uid_cannot_leave_the_directory(ledger: FileLedger, uid: str) -> None:
    for act in (ledger.read, ledger.remove):
        with pytest.raises(Failure) as caught:
            act(uid)
        assert caught.value.code is Code.INVALID


def test_every_flipped_bit_costs_that_record_alone(ledger: FileLedger, directory: Path) -> None:
    other, kept = record("other"), record()
    ledger.write(other)
    ledger.write(kept)
    path = path_of(directory, kept)
    good = path.read_bytes()
    for position in range(0, len(good), 7):
        flipped = bytearray(good)
        flipped[position] ^= 1 << (position % 8)
        path.write_bytes(flipped)
        records = FileLedger(str(directory), BOOT).records()
        assert other in records
        assert records in ((other,), (other, kept), (kept, other)), "damage is never read as another record"
        if kept not in records:
            assert not path.exists()
        path.write_bytes(good)
    assert set(ledger.records()) == {other, kept}


def test_every_truncation_is_quarantined(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    ledger.write(kept)
    path = path_of(directory, kept)
    good = path.read_bytes()
    for length in (0, 1, 2, 50, len(good) // 2, len(good) - 3):
        path.write_bytes(good[:length])
        with pytest.raises(Failure) as caught:
            ledger.read(kept.pod.uid)
        assert caught.value.code is Code.CORRUPT
        assert ledger.records() == ()
        assert (directory / QUARANTINE / path.name).read_bytes() == good[:length]
    ledger.write(kept)
    assert ledger.records() == (kept,)


def test_a_record_of_another_boot_is_dropped_and_not_kept_for_inspection(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    FileLedger(str(directory), OTHER_BOOT).write(kept)
    assert ledger.records() == ()
    assert list((directory / QUARANTINE).iterdir()) == []
    assert not path_of(directory, kept).exists()


def test_a_record_of_another_schema_is_quarantined(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    sealed = json.loads(encode(kept, BOOT))
    path_of(directory, kept).write_text(json.dumps({**sealed, "schema": 2}))
    assert ledger.records() == ()
    assert [path.name for path in (directory / QUARANTINE).iterdir()] == [f"{kept.pod.uid}.json"]


def test_a_record_of_the_first_version_is_read() -> None:
    """As that version left it on a real host, before there were leases, virtual functions and disciplines in it."""
    data = FIRST.read_bytes()
    read = decode(data, json.loads(data)["boot_id"])
    assert (read.phase, read.readdressing, read.devices[0].interface) == (Phase.ATTACHED, None, "net1")
    before = read.plans[0].devices[0].before
    assert (before.queueing, before.functions, before.function, before.expiries, before.unkept) == (
        NOTHING,
        (),
        None,
        (),
        (),
    )
    assert before.addresses == (Address(prefix="192.0.2.1/24"),)
    assert read.plans[0].devices[0].rdma_limits == RdmaLimits()
    assert decode(encode(read, BOOT), BOOT) == read


def test_a_record_of_a_later_version_is_kept_for_it(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    sealed = json.loads(encode(kept, BOOT))
    body = {**sealed["record"], "later": []}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    later = json.dumps({**sealed, "record": body, "sha256": hashlib.sha256(canonical).hexdigest()})
    path_of(directory, kept).write_text(later)
    assert ledger.records() == ()
    assert (directory / QUARANTINE / f"{kept.pod.uid}.json").read_text() == later


def test_what_could_not_be_read_again_is_not_written(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    ledger.write(kept)
    with pytest.raises(Failure, match="can be read again") as caught:
        ledger.write(replace(kept, reason="x" * MAX_BYTES))
    assert caught.value.code is Code.INVALID
    assert FileLedger(str(directory), BOOT).records() == (kept,)


def test_a_record_under_another_pods_name_is_quarantined(ledger: FileLedger, directory: Path) -> None:
    kept = record()
    ledger.write(kept)
    path_of(directory, kept).rename(directory / "another-pod.json")
    assert ledger.records() == ()
    assert (directory / QUARANTINE / "another-pod.json").exists()


@pytest.mark.parametrize("what", ["directory", "fifo", "link", "huge", "bad name"])
def test_what_is_no_record_file_is_set_aside(ledger: FileLedger, directory: Path, what: str, tmp_path: Path) -> None:
    kept = record("other")
    ledger.write(kept)
    path = directory / ("-bad name.json" if what == "bad name" else "pod.json")
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link":
        named_so = replace(kept, pod=replace(kept.pod, uid="pod"))  # nothing else is wrong with it
        (tmp_path / "elsewhere").write_bytes(encode(named_so, BOOT))
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 30)
    else:
        path.write_text("{}")
    assert ledger.records() == (kept,)
    assert not path.exists()


def test_what_a_crash_left_half_written_is_removed_at_start(ledger: FileLedger, directory: Path) -> None:
    (directory / ".pod.json.tmp").write_text("{")
    again = FileLedger(str(directory), BOOT)
    assert again.records() == ()
    assert [path.name for path in directory.iterdir()] == [QUARANTINE]


def test_a_directory_that_is_gone_fails_with_its_name(ledger: FileLedger, directory: Path) -> None:
    (directory / QUARANTINE).rmdir()
    directory.rmdir()
    for act in (lambda: ledger.write(record()), lambda: ledger.records()):
        with pytest.raises(Failure) as caught:
            act()
        assert caught.value.code is Code.UNAVAILABLE
        assert str(directory) in str(caught.value)


def test_a_worker_serves_the_other_pods_and_prepares_the_damaged_one_again(directory: Path) -> None:
    host = make_host(FileLedger(str(directory), BOOT))
    worker = host.worker()
    made = host.plan(host.card)
    other = host.plan(host.other, pod=pod_ref("other"), name="other")
    worker.prepare(made, host.call())
    worker.prepare(other, host.call())
    path = directory / f"{made.pod.uid}.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), host.call())
    assert caught.value.code is Code.CORRUPT
    assert worker.prepared(other.claim.uid, host.call()) == other
    assert worker.prepared(made.claim.uid, host.call()) is None
    worker.prepare(made, host.call())
    assert worker.attach(host.sandbox(), host.call()).devices[0].interface == "net1"
