"""The shelf on disk: nothing is lost, and one bad file costs one claim."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.outbox.files import FileShelf
from ports.devices import Device, Identity
from ports.errors import Code, Failure
from ports.frontends import Outcome
from ports.netconfig import decode
from ports.outbox import Holding
from ports.plan import ClaimRef, PodRef
from ports.profiles import Grant, Grants, Wish
from ports.providers import Description, DeviceIds, Remembered
from ports.results import AttachedDevice
from tests.ports.test_netconfig import EVERYTHING

CLAIM = ClaimRef(namespace="team", name="net", uid="5c749796-6cea-4a19-9817-ecfd275cafc9")


def outcome(error: str = "") -> Outcome:
    device = AttachedDevice(
        claim=CLAIM, request="r", pool="n", device="d", interface="net1", mac="m", addresses=("10.0.0.1/24",)
    )
    pod = PodRef(namespace="team", name="app", uid="p")
    return Outcome(claim=CLAIM, pod=pod, devices=(device,), error=error, at_ns=2**62, traceparent="t")


def shelf(directory: Path) -> FileShelf[Outcome]:
    return FileShelf(directory, Outcome)


def test_what_is_put_is_there_after_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "outbox"
    shelf(directory).put(CLAIM.uid, outcome("why"))
    assert shelf(directory).all() == {CLAIM.uid: outcome("why")}


def test_holdings_keep_every_kind_of_attribute(tmp_path: Path) -> None:
    device = Device(name="d", identity=Identity(ifindex=1), interface="d", attributes={"a": "x", "b": 1, "c": True})
    FileShelf(tmp_path, Holding).put("uid", Holding(devices=(device,)))
    assert FileShelf(tmp_path, Holding).all() == {"uid": Holding(devices=(device,))}


VALUES = (
    st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(max_size=3)).map(tuple)
)


@settings(max_examples=20)
@given(st.dictionaries(st.text(max_size=9), VALUES, max_size=4), st.sets(st.sampled_from(sorted(EVERYTHING))))
def test_descriptions_and_grants_come_back_as_they_were(attributes: dict[str, Any], keys: set[str]) -> None:
    config = decode({key: EVERYTHING[key] for key in keys})
    ids = DeviceIds(device="d", mac="02:00:00:00:00:01", pci_address="0000:01:00.0")
    description = Description(attributes=attributes, config=config, notes=("n",))
    remembered = Remembered(provider="GCE", ids=ids, description=description)
    grant = Grant(wish=Wish(ids=ids, config=config), answer=config, ending=True)
    grants = Grants(claim=CLAIM, grants=(grant, Grant(wish=grant.wish)))
    with TemporaryDirectory() as directory:
        FileShelf(f"{directory}/a", Remembered).put("d", remembered)
        FileShelf(f"{directory}/b", Grants).put(CLAIM.uid, grants)
        assert FileShelf(f"{directory}/a", Remembered).get("d") == remembered
        assert FileShelf(f"{directory}/b", Grants).get(CLAIM.uid) == grants


def test_one_that_cannot_be_read_is_moved_aside_and_nothing_else(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.put("good", outcome())
    (tmp_path / f"{CLAIM.uid}.json").write_text("{")
    assert kept.get(CLAIM.uid) is None
    assert (tmp_path / f"{CLAIM.uid}.bad").read_text() == "{"
    assert kept.get("good") == outcome()


def test_a_later_value_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.put(CLAIM.uid, outcome("first"))
    kept.put(CLAIM.uid, outcome("second"))
    assert kept.all() == {CLAIM.uid: outcome("second")}
    assert [path.name for path in tmp_path.iterdir()] == [f"{CLAIM.uid}.json"]


def test_a_dropped_value_is_gone_and_can_be_dropped_again(tmp_path: Path) -> None:
    kept = shelf(tmp_path / "not-yet-there")
    kept.drop(CLAIM.uid)
    kept.put(CLAIM.uid, outcome())
    kept.drop(CLAIM.uid)
    kept.drop(CLAIM.uid)
    assert kept.all() == {}


def test_an_empty_shelf_needs_no_directory(tmp_path: Path) -> None:
    assert shelf(tmp_path / "not-there").all() == {}


def test_files_are_for_us_alone(tmp_path: Path) -> None:
    kept = shelf(tmp_path / "outbox")
    kept.put(CLAIM.uid, outcome())
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "outbox" / f"{CLAIM.uid}.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"schema": 2, "value": {}}',
        b'{"schema": 1}',
        b'{"schema": 1, "value": {"claim": 7}}',
        b"[" * 100_000,
    ],
)
def test_a_bad_file_is_moved_aside_and_the_others_are_read(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    kept = shelf(tmp_path)
    kept.put(CLAIM.uid, outcome())
    (tmp_path / "bad.json").write_bytes(data)
    with caplog.at_level(logging.ERROR, "knd.outbox"):
        assert kept.all() == {CLAIM.uid: outcome()}
        assert kept.all() == {CLAIM.uid: outcome()}
    assert (tmp_path / "bad.bad").read_bytes() == data
    assert len(caplog.records) == 1


def test_what_another_process_wrote_and_dropped_is_seen(tmp_path: Path) -> None:
    ours, theirs = shelf(tmp_path), shelf(tmp_path)
    ours.put(CLAIM.uid, outcome("first"))
    assert ours.all() == {CLAIM.uid: outcome("first")}
    assert ours.all()[CLAIM.uid] is ours.all()[CLAIM.uid], "made anew without a change"
    theirs.put(CLAIM.uid, outcome("second"))
    assert ours.all() == {CLAIM.uid: outcome("second")}
    theirs.drop(CLAIM.uid)
    assert (ours.all(), ours.get(CLAIM.uid)) == ({}, None)


def test_a_file_that_goes_while_the_directory_is_read_is_no_bad_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = shelf(tmp_path)
    kept.put(CLAIM.uid, outcome())
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")  # listed, and not there when it is opened
    assert kept.all() == {CLAIM.uid: outcome()}
    assert not caplog.records


def test_a_write_that_was_cut_short_leaves_the_value_before(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.put(CLAIM.uid, outcome())
    (tmp_path / f"{CLAIM.uid}.part").write_bytes(b'{"schema": 1, "va')
    assert kept.all() == {CLAIM.uid: outcome()}


@pytest.mark.parametrize("uid", ["", "..", "../x", "a/b", "a\0b", "x" * 129, ".hidden"])
def test_a_uid_cannot_leave_the_directory(tmp_path: Path, uid: str) -> None:
    with pytest.raises(Failure, match="not a UID") as caught:
        shelf(tmp_path).put(uid, outcome())
    assert caught.value.code is Code.INVALID
    with pytest.raises(Failure, match="not a UID"):
        shelf(tmp_path).drop(uid)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Failure, match=r"File exists|Not a directory") as caught:
        shelf(tmp_path / "file").put(CLAIM.uid, outcome())
    assert caught.value.code is Code.INTERNAL


def test_many_writers_leave_whole_files(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    threads = [threading.Thread(target=kept.put, args=(CLAIM.uid, outcome(str(number)))) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.all()[CLAIM.uid].error in {str(number) for number in range(20)}
    assert json.loads((tmp_path / f"{CLAIM.uid}.json").read_text())["schema"] == 1
    assert len(os.listdir(tmp_path)) == 1


def test_a_value_is_on_the_disk_before_it_has_its_name_and_the_name_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[bool, bool]] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        told.append((is_directory, (tmp_path / f"{CLAIM.uid}.json").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    shelf(tmp_path).put(CLAIM.uid, outcome())
    assert told == [(False, False), (True, True)]
