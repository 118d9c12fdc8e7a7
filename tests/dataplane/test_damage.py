"""A damaged ledger record with the version before it beside it: the pod's devices are found again, wherever they are."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from dataplane.ledger import PREVIOUS, QUARANTINE, FileLedger
from dataplane.worker import Worker
from ports.ledger import Phase, encode
from ports.plan import Plan
from ports.results import Verdict
from tests.dataplane.bench import Crash, Host, make_host
from tests.dataplane.test_crashes import Bomb
from tests.support.plans import pod_ref

BOOT = "11111111-2222-4333-8444-555555555555"
OTHER_BOOT = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A model host with its ledger in files."""
    return make_host(FileLedger(str(tmp_path), BOOT))


def main_file(tmp_path: Path, plan: Plan) -> Path:
    return tmp_path / f"{plan.pod.uid}.json"


def previous_file(tmp_path: Path, plan: Plan) -> Path:
    return tmp_path / f"{plan.pod.uid}.json{PREVIOUS}"


def damage(tmp_path: Path, plan: Plan, how: str = "torn") -> None:
    path = main_file(tmp_path, plan)
    good = path.read_bytes()
    bad = {
        "torn": good[: len(good) // 2],
        "empty": b"",
        "newer": good.replace(b'"schema": 1', b'"schema": 2'),
        "older": good.replace(b'"schema": 1', b'"schema": 0'),
        "edited": good.replace(b"net1", b"net9"),
    }
    assert bad[how] != good
    path.write_bytes(bad[how])
    os.utime(path, ns=(1, 1))  # long after it was written: clocks of file systems are coarse


def restarted(host: Host, worker: Worker) -> Worker:
    host.die(worker)
    return host.worker()


@pytest.mark.parametrize("how", ["torn", "empty", "newer", "older", "edited"])
def test_an_attached_pod_keeps_its_devices_and_its_open_gate(host: Host, tmp_path: Path, how: str) -> None:
    worker = host.worker()
    made = host.attached(worker)
    whole = host.ledger.read(made.pod.uid)
    damage(tmp_path, made, how)
    worker = restarted(host, worker)
    assert host.ledger.read(made.pod.uid) == whole
    assert host.gate.opened() == {made.claim.uid}
    report = worker.reconcile((host.sandbox(started=True),), host.call())
    assert [each.verdict for each in report.findings] == [Verdict.ADOPTED]
    assert (tmp_path / QUARANTINE / main_file(tmp_path, made).name).exists()
    worker.detach(host.sandbox(), host.call())
    assert host.kernel.host_facts() == host.before


def test_a_running_worker_finds_it_too(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    damage(tmp_path, made)
    report = worker.reconcile((host.sandbox(started=True),), host.call())
    assert [each.verdict for each in report.findings] == [Verdict.ADOPTED]
    assert worker.attach(host.sandbox(), host.call()).already


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_a_pod_whose_attach_was_cut_off_has_its_devices_taken_back(host: Host, tmp_path: Path, number: int) -> None:
    worker = host.worker()
    made = host.plan()
    worker.prepare(made, host.call())
    box = host.sandbox()
    host.kernel.before_call = Bomb(number, "before").before
    with suppress(Crash):
        worker.attach(box, host.call())
    host.kernel.before_call = lambda call: None
    assert host.ledger.read(made.pod.uid).phase in (Phase.PREPARED, Phase.ATTACHING, Phase.ATTACHED)  # type: ignore[union-attr]
    if (tmp_path / previous_file(tmp_path, made).name).exists():
        damage(tmp_path, made)
    worker = restarted(host, worker)
    if host.gate.opened():
        assert {link.name for link in host.kernel.links_at(host.path("sandbox-1"))} == {"net1", "net2"}
        worker.detach(box, host.call())
    assert host.kernel.links_at(host.path("sandbox-1")) == ()
    assert (host.kernel.host_facts(), host.gate.opened()) == (host.before, frozenset())


def test_an_attach_of_a_doubtful_pod_asks_the_kernel_first(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    damage(tmp_path, made)
    assert worker.prepared(made.claim.uid, host.call()) is not None
    attached = worker.attach(host.sandbox(), host.call())
    assert attached.already
    assert [each.interface for each in attached.devices] == ["net1", "net2"]


def test_devices_of_a_pod_that_ended_meanwhile_come_home(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    damage(tmp_path, made)
    host.die(worker)
    host.kernel.kill_namespace(host.path("sandbox-1"))
    worker = host.worker()
    assert host.kernel.host_facts() == host.before
    assert host.gate.opened() == frozenset()
    worker.unprepare(made.claim.uid, host.call())
    worker.prepare(host.plan(), host.call())


def test_what_the_kernel_does_not_show_as_attached_is_taken_back(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    pod = host.kernel.open(host.path("sandbox-1"))
    link = pod.find("net2")
    assert link is not None
    pod.set_up(link.identity.ifindex, False)
    pod.close()
    damage(tmp_path, made)
    restarted(host, worker)
    assert host.kernel.host_facts() == host.before
    assert host.gate.opened() == frozenset()
    record = host.ledger.read(made.pod.uid)
    assert record is not None
    assert record.phase is Phase.PREPARED


def test_a_pod_that_was_being_detached_is_detached(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    record = host.ledger.read(made.pod.uid)
    assert record is not None
    host.ledger.write(replace(record, phase=Phase.DETACHING))
    host.ledger.write(replace(record, phase=Phase.DETACHING))
    damage(tmp_path, made)
    restarted(host, worker)
    assert host.kernel.host_facts() == host.before


@pytest.mark.parametrize("what", ["none", "torn", "another boot", "another pod", "a directory", "no plan"])
def test_without_a_usable_version_the_claim_is_prepared_anew_behind_a_closed_gate(
    host: Host, tmp_path: Path, what: str
) -> None:
    worker = host.worker()
    made = host.plan()
    worker.prepare(made, host.call())
    record = host.ledger.read(made.pod.uid)
    assert record is not None
    path = previous_file(tmp_path, made)
    assert not path.exists()
    if what == "torn":
        path.write_bytes(encode(record, BOOT)[:99])
    elif what == "another boot":
        path.write_bytes(encode(record, OTHER_BOOT))
    elif what == "another pod":
        path.write_bytes(encode(replace(record, pod=pod_ref("other")), BOOT))
    elif what == "a directory":
        path.mkdir()
    elif what == "no plan":
        path.write_bytes(encode(replace(record, plans=(replace(made, devices=()),)), BOOT))
    host.gate.open(made.claim, ("net1",))
    damage(tmp_path, made)
    worker = restarted(host, worker)
    assert host.gate.opened() == frozenset()
    assert worker.prepared(made.claim.uid, host.call()) is None
    if what == "a directory":
        path.rmdir()
    worker.prepare(made, host.call())
    assert host.gate.opened() == frozenset()
    assert len(worker.attach(host.sandbox(), host.call()).devices) == 2


def test_an_earlier_version_does_not_win_over_another_pods_record(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    first, second = host.plan(host.card), host.plan(host.card, pod=pod_ref("other"), name="other")
    worker.prepare(second, host.call())
    record = host.ledger.read(second.pod.uid)
    assert record is not None
    previous_file(tmp_path, first).write_bytes(encode(replace(record, pod=first.pod, plans=(first,)), BOOT))
    main_file(tmp_path, first).write_text("{")
    assert host.ledger.records() == (record,)


def test_no_version_outlives_its_record(host: Host, tmp_path: Path) -> None:
    worker = host.worker()
    made = host.attached(worker)
    assert previous_file(tmp_path, made).exists()
    worker.unprepare(made.claim.uid, host.call())
    assert [path.name for path in tmp_path.iterdir()] == [QUARANTINE]


def test_a_device_under_a_name_of_ours_without_a_record_is_told_of(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    worker = host.worker()
    host.attached(worker)
    host.kernel.add_link("knd0123456789ab")
    host.kernel.add_link("knd-br0")
    for act in (lambda: worker.reconcile((host.sandbox(started=True),), host.call()), host.worker):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "knd.dataplane"):
            act()
        (told,) = [record.getMessage() for record in caplog.records if "belongs to no claim" in record.getMessage()]
        assert "interface knd0123456789ab" in told
        assert "ip link set knd0123456789ab name NAME" in told


def test_a_device_under_way_of_a_known_pod_is_no_orphan(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    worker = host.worker()
    made = host.attached(worker)
    host.die(worker)
    host.kernel.kill_namespace(host.path("sandbox-1"))
    with caplog.at_level(logging.WARNING, "knd.dataplane"):
        host.worker()
    assert "belongs to no claim" not in caplog.text
    assert host.ledger.read(made.pod.uid) is not None
