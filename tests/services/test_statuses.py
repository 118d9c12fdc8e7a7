"""Outcomes: noted before they are acknowledged, told until it is done or pointless."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from agent.services.statuses import Statuses
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Outcome, Refusal
from ports.plan import PodRef
from ports.results import AttachedDevice
from tests.contracts.cluster.fake import FakeCluster
from tests.services.support import CLAIM, DRIVER, NODE, FakeMeter, KeptNotices
from tests.support.clock import FakeClock
from tests.support.shelf import MemoryShelf

POD = PodRef(namespace="team", name="app", uid="pod-uid")
AWAY = Failure(Code.UNAVAILABLE, "API server", "connection refused")


class Bench:
    """Statuses on fakes, the loop not running."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(NODE, DRIVER)
        self.outbox: MemoryShelf[Outcome] = MemoryShelf()
        self.notices = KeptNotices()
        self.meter = FakeMeter()
        self.statuses = self.restarted()
        self.claim()

    def restarted(self) -> Statuses:
        self.statuses = Statuses(
            driver=DRIVER,
            cluster=self.cluster,
            outbox=self.outbox,
            notices=self.notices,
            clock=self.clock,
            meter=self.meter,
        )
        return self.statuses

    def claim(self, uid: str = CLAIM.uid, **allocation: Any) -> None:
        results = [{"request": "r", "driver": DRIVER, "pool": NODE, "device": "ens1"}]
        allocation = allocation or {"devices": {"results": results}}
        metadata = {"namespace": CLAIM.namespace, "name": CLAIM.name, "uid": uid}
        self.cluster.put_claim({"metadata": metadata, "status": {"allocation": allocation}})

    def report(self, outcome: Outcome) -> None:
        self.statuses.report(outcome, Call(key="k", deadline=self.clock.monotonic() + 1))

    def ready(self) -> list[tuple[str, str]]:
        entries = self.cluster.device_status(CLAIM.namespace, CLAIM.name)
        return [(entry["device"], entry["conditions"][0]["status"]) for entry in entries]


def outcome(error: str = "", at_ns: int = 10**18) -> Outcome:
    device = AttachedDevice(
        claim=CLAIM, request="r", pool=NODE, device="ens1", interface="net1", mac="02:00:00:00:00:01", addresses=()
    )
    return Outcome(claim=CLAIM, pod=POD, devices=() if error else (device,), error=error, at_ns=at_ns)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_outcome_is_noted_before_it_is_acknowledged_and_told_afterwards(bench: Bench) -> None:
    bench.report(outcome())
    assert bench.outbox.all() == {CLAIM.uid: outcome()}
    assert bench.cluster.calls == []
    assert bench.statuses.step() is None
    assert bench.ready() == [("ens1", "True")]
    assert bench.outbox.all() == {}


def test_an_outcome_that_cannot_be_noted_is_not_acknowledged(bench: Bench) -> None:
    def full(claim_uid: str, value: Outcome) -> None:
        raise Failure(Code.INTERNAL, "outbox", "No space left on device")

    bench.outbox.put = full  # type: ignore[method-assign]
    with pytest.raises(Failure, match="No space left"):
        bench.report(outcome())


def test_a_report_after_its_deadline_is_refused(bench: Bench) -> None:
    with pytest.raises(Failure) as caught:
        bench.statuses.report(outcome(), Call(key="k", deadline=bench.clock.monotonic()))
    assert caught.value.code is Code.DEADLINE
    assert bench.outbox.all() == {}


def test_a_failure_is_told_in_the_status_and_once_in_an_event(bench: Bench) -> None:
    bench.report(outcome("no such device"))
    bench.report(outcome("no such device", at_ns=2 * 10**18))
    bench.statuses.step()
    assert bench.ready() == [("ens1", "False")]
    (notice,) = bench.notices.kept
    assert (notice.kind, notice.name, notice.reason) == ("Pod", "app", "AttachFailed")
    assert "no such device" in notice.message


def test_the_same_outcome_again_is_not_written_again(bench: Bench) -> None:
    for at_ns in (10**18, 2 * 10**18):
        bench.report(outcome(at_ns=at_ns))
        bench.statuses.step()
    assert bench.cluster.calls.count("apply_device_status") == 1
    assert bench.outbox.all() == {}


def test_a_success_after_a_failure_wins_and_not_the_other_way_round(bench: Bench) -> None:
    bench.report(outcome(at_ns=3 * 10**18))
    bench.report(outcome("late message about an earlier try", at_ns=2 * 10**18))
    bench.statuses.step()
    assert bench.ready() == [("ens1", "True")]


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.CONFLICT, Code.REFUSED, Code.INVALID, Code.DEADLINE])
def test_a_write_that_fails_is_tried_again_ever_more_slowly(bench: Bench, code: Code) -> None:
    bench.cluster.fail(Failure(code, "API server", "no"), times=3)
    bench.report(outcome())
    waits = []
    for _ in range(3):
        wait = bench.statuses.step()
        assert wait is not None
        waits.append(wait)
        assert bench.statuses.step() is not None
        bench.clock.advance(wait)
    assert bench.statuses.step() is None
    assert bench.ready() == [("ens1", "True")]
    assert waits[2] > waits[0] > 0


def test_a_restart_forgets_nothing(bench: Bench) -> None:
    bench.cluster.fail(AWAY)
    bench.report(outcome())
    bench.statuses.step()
    bench.restarted()
    bench.statuses.step()
    assert bench.ready() == [("ens1", "True")]


def test_a_claim_that_is_gone_needs_no_status(bench: Bench) -> None:
    bench.report(outcome())
    bench.cluster.remove_claim(CLAIM.namespace, CLAIM.name)
    assert bench.statuses.step() is None
    assert bench.outbox.all() == {}


@pytest.mark.parametrize("allocation", [{"devices": {"results": []}}])
def test_a_claim_that_was_replaced_or_deallocated_needs_no_status(bench: Bench, allocation: dict[str, Any]) -> None:
    bench.report(outcome())
    bench.claim(uid="newer")
    assert bench.statuses.step() is None
    bench.claim(**allocation)
    bench.report(outcome())
    assert bench.statuses.step() is None
    assert bench.outbox.all() == {}
    assert "apply_device_status" not in bench.cluster.calls


def test_what_is_reported_while_an_older_outcome_is_being_told_is_not_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = outcome("it broke", at_ns=2 * 10**18)
    apply = bench.cluster.apply_device_status

    def slowly(*args: Any) -> None:
        apply(*args)
        if newer not in bench.outbox.values.values():
            bench.report(newer)

    monkeypatch.setattr(bench.cluster, "apply_device_status", slowly)
    bench.report(outcome())
    bench.statuses.step()
    assert bench.outbox.all() == {CLAIM.uid: newer}
    bench.statuses.step()
    assert bench.ready() == [("ens1", "False")]


def test_one_claim_that_cannot_be_written_does_not_hold_up_the_others(bench: Bench) -> None:
    other = replace(CLAIM, name="second", uid="second")
    bench.outbox.put("a-first", replace(outcome(), claim=replace(CLAIM, name="missing", uid="a-first")))
    bench.outbox.put(CLAIM.uid, outcome())
    bench.cluster.fail(AWAY)
    bench.statuses.step()
    assert list(bench.outbox.all()) == ["a-first"]
    assert other.uid not in bench.outbox.all()


def test_the_loop_tells_as_soon_as_something_is_reported_and_ends_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = threading.Thread(target=bench.statuses.run, daemon=True)
    thread.start()
    told = threading.Event()
    apply = bench.cluster.apply_device_status

    def seen(*args: Any) -> None:
        apply(*args)
        told.set()

    monkeypatch.setattr(bench.cluster, "apply_device_status", seen)
    bench.report(outcome())
    assert told.wait(10)
    bench.statuses.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_sandbox_that_ended_takes_the_readiness_back(bench: Bench) -> None:
    bench.report(outcome())
    bench.statuses.step()
    bench.report(Outcome(claim=CLAIM, pod=POD, devices=(), at_ns=2 * 10**18, ended=True))
    bench.statuses.step()
    assert bench.ready() == [("ens1", "False")]
    assert bench.meter.counts["knd_attaches", "success"] == 1
    assert bench.notices.kept == []


def test_the_end_of_an_earlier_sandbox_told_late_changes_nothing(bench: Bench) -> None:
    bench.report(outcome(at_ns=3 * 10**18))
    bench.report(Outcome(claim=CLAIM, pod=POD, devices=(), at_ns=2 * 10**18, ended=True))
    bench.statuses.step()
    assert bench.ready() == [("ens1", "True")]


def test_a_refused_container_is_an_event_of_its_pod(bench: Bench) -> None:
    refusal = Refusal(pod=POD, reason="uses a claim that is attached to another pod")
    bench.statuses.refused(refusal, Call(key="k", deadline=bench.clock.monotonic() + 1))
    (notice,) = bench.notices.kept
    assert (notice.kind, notice.namespace, notice.name, notice.uid) == ("Pod", "team", "app", "pod-uid")
    assert (notice.reason, notice.message) == ("ContainerRefused", refusal.reason)


@pytest.mark.parametrize("poison", [{"addresses": ("nonsense",)}, {"at_ns": 10**30}])
def test_an_outcome_that_nobody_can_make_sense_of_costs_no_other_claim(bench: Bench, poison: dict[str, Any]) -> None:
    other = replace(CLAIM, name="other", uid="a-claim-before")
    allocation = {"devices": {"results": [{"request": "r", "driver": DRIVER, "pool": NODE, "device": "ens1"}]}}
    metadata = {"namespace": other.namespace, "name": other.name, "uid": other.uid}
    bench.cluster.put_claim({"metadata": metadata, "status": {"allocation": allocation}})
    bad = replace(outcome(at_ns=poison.get("at_ns", 10**18)), claim=other)
    device = replace(bad.devices[0], claim=other, addresses=poison.get("addresses", ()))
    bench.report(replace(bad, devices=(device,)))
    bench.report(outcome())
    assert bench.statuses.step()
    assert bench.ready() == [("ens1", "True")]
    assert set(bench.outbox.all()) == {other.uid}
    assert bench.meter.counts["knd_status_writes", "internal"] == 1


def test_an_outcome_that_comes_while_the_one_before_it_is_dropped_is_kept(bench: Bench) -> None:
    newer = outcome("gone", at_ns=2 * 10**18)
    reporting = threading.Thread(target=lambda: bench.report(newer), daemon=True)
    drop = bench.outbox.drop

    def slowly(claim_uid: str) -> None:
        reporting.start()
        reporting.join(0.1)
        drop(claim_uid)

    bench.outbox.drop = slowly  # type: ignore[method-assign]
    bench.report(outcome())
    bench.statuses.step()
    reporting.join(30)
    assert bench.outbox.all() == {CLAIM.uid: newer}
