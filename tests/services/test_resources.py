"""Prepare and unprepare, as the kubelet sees them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agent.services.inventories import Inventories
from agent.services.turns import Turns
from ports.cluster import Json
from ports.dataplane import Call, Sandbox
from ports.devices import Identity, Inventory, LinkFacts
from ports.errors import Code, Failure
from ports.inbound import PreparedDevice
from ports.plan import ClaimRef, Plan, Rename
from tests.services.support import CLAIM, Bench, opaque

OTHER = ClaimRef(namespace="team", name="second", uid="other-uid")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def call(bench: Bench) -> Call:
    return Call(key="test", deadline=bench.clock.monotonic() + 10)


def attach(bench: Bench, pod_uid: str = "pod-uid") -> None:
    netns = "/var/run/netns/pod"
    bench.host.namespaces.add(netns)
    bench.dataplane.attach(Sandbox(id="sandbox", pod_uid=pod_uid, netns=netns), call(bench))


def test_a_claim_becomes_a_plan_that_the_dataplane_holds(bench: Bench) -> None:
    bench.claim("ens1", "ens2", config=[{**opaque(interface={"name": "net1"}), "requests": ["r1"]}])
    (answer,) = bench.resources.prepare((CLAIM,), bench.deadline)
    cdi = ("dra.net/attached=claim-uid",)
    assert answer.error == ""
    assert answer.devices == (
        PreparedDevice(request="r0", pool="node1", device="ens1", cdi_device_ids=cdi),
        PreparedDevice(request="r1", pool="node1", device="ens2", cdi_device_ids=cdi),
    )
    plan = bench.dataplane.prepared(CLAIM.uid, call(bench))
    assert plan is not None
    assert (plan.claim, plan.pod.uid) == (CLAIM, "pod-uid")
    assert Rename(name="net1") in plan.devices[1].steps


def test_a_second_prepare_answers_the_same_without_touching_the_host(bench: Bench) -> None:
    bench.claim("ens1")
    first = bench.resources.prepare((CLAIM,), bench.deadline)
    attach(bench)
    bench.restarted()
    bench.dataplane.calls.clear()
    assert bench.resources.prepare((CLAIM,), bench.deadline) == first
    assert bench.dataplane.calls == ["prepared"]


def test_a_trace_begins_here_and_travels_in_the_plan(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    plan = bench.dataplane.prepared(CLAIM.uid, call(bench))
    ((span, traceparent),) = bench.tracer.spans
    assert plan is not None
    assert plan.traceparent == traceparent
    assert [child.name for child in span.children] == ["runtime", "held", "claim", "inspect", "prepare"]


def test_each_claim_has_its_own_answer(bench: Bench) -> None:
    bench.claim("ens1")
    missing = ClaimRef(namespace="team", name="none", uid="none")
    first, second = bench.resources.prepare((missing, CLAIM), bench.deadline)
    assert "not found" in first.error
    assert (second.error, len(second.devices)) == ("", 1)


def test_a_claim_that_waits_delays_no_other_of_the_same_call(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.claim("ens1")
    bench.claim("ens2", ref=OTHER, pod="other-pod")
    read, prepare, second = bench.cluster.claim, bench.dataplane.prepare, threading.Event()

    def slow(namespace: str, name: str) -> Any:
        assert name == OTHER.name or second.wait(30), "the other claim is not prepared meanwhile"
        return read(namespace, name)

    def told(plan: Plan, call: Call) -> None:
        prepare(plan, call)
        if plan.claim == OTHER:
            second.set()

    monkeypatch.setattr(bench.cluster, "claim", slow)
    monkeypatch.setattr(bench.dataplane, "prepare", told)
    answers = bench.resources.prepare((CLAIM, OTHER), bench.deadline)
    assert [(answer.claim, answer.error) for answer in answers] == [(CLAIM, ""), (OTHER, "")]


def test_a_replaced_claim_is_refused_and_leaves_nothing(bench: Bench) -> None:
    bench.claim("ens1", ref=ClaimRef(namespace="team", name="net", uid="newer"))
    assert "was replaced" in bench.prepare()
    assert bench.dataplane.ledger.records() == ()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"reservedFor": []}, "no pod"),
        ({"reservedFor": [{"resource": "pods", "name": n, "uid": n} for n in "ab"]}, "2 pods"),
        ({"allocation": None}, "is not allocated"),
        ({"config": [opaque(interface={"mtu": 9001})]}, "above 9000"),
        ({"config": [opaque(interface={"nam": "x"})]}, "unknown key nam"),
    ],
)
def test_what_cannot_work_is_told_at_once_to_the_kubelet_and_in_an_event(
    bench: Bench, status: dict[str, Any], words: str
) -> None:
    bench.claim("ens1", **status)
    began = bench.clock.monotonic()
    error = bench.prepare()
    assert words in error
    assert bench.clock.monotonic() == began
    (notice,) = bench.notices.kept
    assert (notice.kind, notice.name, notice.reason, notice.message) == (
        "ResourceClaim",
        "net",
        "PrepareFailed",
        error,
    )
    assert bench.dataplane.ledger.records() == ()


def test_a_claim_of_another_nodes_pool_is_refused(bench: Bench) -> None:
    result = {"request": "r", "driver": "dra.net", "pool": "node2", "device": "ens1"}
    bench.claim(allocation={"devices": {"results": [result]}})
    assert "pool node2, and this node's pool is node1" in bench.prepare()


def test_a_claim_with_nothing_of_ours_is_ready_at_once(bench: Bench) -> None:
    bench.claim(allocation={"devices": {"results": [{"request": "r", "driver": "other", "pool": "p", "device": "d"}]}})
    (answer,) = bench.resources.prepare((CLAIM,), bench.deadline)
    assert (answer.error, answer.devices) == ("", ())
    assert bench.dataplane.calls == ["prepared"]


def test_a_device_for_looking_at_is_answered_and_never_moved(bench: Bench) -> None:
    result = {"request": "r", "driver": "dra.net", "pool": "node1", "device": "ens1", "adminAccess": True}
    bench.claim(allocation={"devices": {"results": [result]}})
    (answer,) = bench.resources.prepare((CLAIM,), bench.deadline)
    assert answer.devices == (PreparedDevice(request="r", pool="node1", device="ens1"),)
    assert bench.dataplane.ledger.records() == ()


def test_one_device_cannot_be_given_twice(bench: Bench) -> None:
    bench.claim("ens1", "ens1")
    assert "allocated twice" in bench.prepare()


def test_prepare_waits_for_the_runtime_and_goes_on_when_it_comes(bench: Bench) -> None:
    bench.claim("ens1")
    bench.runtime.away = [Failure(Code.UNAVAILABLE, "knd nri", "cannot be reached")] * 40
    assert bench.prepare() == ""
    assert bench.runtime.asked == 41


def test_prepare_gives_up_on_the_runtime_before_the_kubelet_does(bench: Bench) -> None:
    bench.claim("ens1")
    bench.runtime.connected = False
    deadline = bench.deadline
    (answer,) = bench.resources.prepare((CLAIM,), deadline)
    assert "container runtime: is not connected: no socket" in answer.error
    assert deadline - 3 < bench.clock.monotonic() < deadline - 1.5
    assert bench.dataplane.ledger.records() == ()


@pytest.mark.parametrize("verb", ["prepared", "inspect", "prepare"])
@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.DEADLINE])
def test_a_dataplane_that_restarts_is_waited_for(bench: Bench, verb: str, code: Code) -> None:
    bench.claim("ens1")
    bench.dataplane.faults.fail(verb, Failure(code, "dataplane", "away"), times=8)
    assert bench.prepare() == ""


def test_an_answer_of_the_dataplane_that_is_lost_does_no_harm(bench: Bench) -> None:
    bench.claim("ens1")
    bench.dataplane.faults.lose_answers("prepare")
    assert bench.prepare() == ""
    assert len(bench.dataplane.ledger.records()) == 1


def test_an_api_server_that_is_away_is_waited_for(bench: Bench) -> None:
    bench.claim("ens1")
    bench.cluster.fail(Failure(Code.UNAVAILABLE, "API server", "connection refused"), times=30)
    assert bench.prepare() == ""


def test_a_held_claim_needs_no_api_server(bench: Bench) -> None:
    bench.claim("ens1")
    first = bench.resources.prepare((CLAIM,), bench.deadline)
    bench.cluster.fail(Failure(Code.UNAVAILABLE, "API server", "connection refused"), times=1000)
    assert bench.resources.prepare((CLAIM,), bench.deadline) == first


def test_a_device_that_changed_meanwhile_is_planned_again(bench: Bench) -> None:
    bench.claim("ens1")
    bench.dataplane.faults.fail("prepare", Failure(Code.CONFLICT, "device ens1", "changed since it was inspected"))
    assert bench.prepare() == ""
    assert bench.dataplane.calls.count("inspect") == 2


def test_a_device_that_another_claim_still_has_is_waited_for_and_then_refused(bench: Bench) -> None:
    bench.claim("ens1")
    assert bench.prepare() == ""
    bench.claim("ens1", ref=OTHER, pod="other-pod")
    began = bench.clock.monotonic()
    assert "is held by claim team/net" in bench.prepare(OTHER)
    assert 9 < bench.clock.monotonic() - began < 11
    assert bench.unprepare() == ""
    assert bench.prepare(OTHER) == ""


def test_a_device_on_its_way_back_is_waited_for(bench: Bench) -> None:
    bench.claim("ens1")
    bench.show("ens2")

    def comes_back(seconds: float) -> None:
        bench.clock.advance(seconds)
        bench.show("ens1", "ens2")

    bench.clock.sleep = comes_back  # type: ignore[method-assign]
    assert bench.prepare() == ""


def test_a_device_that_does_not_come_back_is_named(bench: Bench) -> None:
    bench.claim("ens1")
    bench.show("ens2")
    assert "device ens1: the host does not have it now" in bench.prepare()


def test_nothing_is_done_before_the_first_inventory(bench: Bench) -> None:
    bench.claim("ens1")
    bench.inventories.put(Inventory(generation=0))
    assert "device ens1" in bench.prepare()
    assert bench.dataplane.ledger.records() == ()


def test_a_claim_that_was_allocated_anew_gets_a_new_plan(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.claim("ens2", pod="second-pod")
    assert bench.prepare() == ""
    (record,) = bench.dataplane.ledger.records()
    assert record.pod.uid == "second-pod"
    assert [device.device for plan in record.plans for device in plan.devices] == ["ens2"]


def test_the_same_device_allocated_for_another_pod_gets_a_new_plan(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.claim("ens1", pod="second-pod")
    assert bench.prepare() == ""
    assert [record.pod.uid for record in bench.dataplane.ledger.records()] == ["second-pod"]


def test_a_shared_claim_is_still_answered_for_the_pod_that_has_it(bench: Bench) -> None:
    bench.claim("ens1")
    first = bench.resources.prepare((CLAIM,), bench.deadline)
    pods = [{"resource": "pods", "name": uid, "uid": uid} for uid in ("pod-uid", "late-uid")]
    bench.claim("ens1", reservedFor=pods)
    assert bench.resources.prepare((CLAIM,), bench.deadline) == first


def test_two_claims_of_a_pod_cannot_use_one_interface_name(bench: Bench) -> None:
    bench.claim("ens1", config=[opaque(interface={"name": "net1"})])
    bench.claim("ens2", ref=OTHER, config=[opaque(interface={"name": "net1"})])
    assert bench.prepare() == ""
    assert "net1 would be used by device ens2 and claim team/net of this pod" in bench.prepare(OTHER)
    assert bench.unprepare() == ""
    assert bench.prepare(OTHER) == ""


def test_held_devices_stay_published_until_they_are_given_back(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.show("ens2")
    assert [device.name for device in bench.inventories.devices() or ()] == ["ens1", "ens2"]
    assert list(bench.shelf.values) == [CLAIM.uid]
    bench.unprepare()
    assert [device.name for device in bench.inventories.devices() or ()] == ["ens2"]
    assert bench.shelf.values == {}


def test_unprepare_takes_the_device_back_and_can_be_repeated(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    attach(bench)
    assert bench.unprepare() == ""
    assert bench.dataplane.held(call(bench)) == ()
    assert bench.unprepare() == ""


def test_unprepare_needs_no_api_server_and_no_runtime(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.runtime.connected = False
    bench.cluster.fail(Failure(Code.UNAVAILABLE, "API server", "away"), times=100)
    assert bench.unprepare() == ""
    assert bench.dataplane.ledger.records() == ()


def test_an_unprepare_that_fails_is_told_and_forgets_nothing(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.dataplane.faults.fail("unprepare", Failure(Code.KERNEL, "device ens1", "Device or resource busy"))
    assert "busy" in bench.unprepare()
    assert list(bench.shelf.values) == [CLAIM.uid]


def test_a_device_that_was_lost_is_reported(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    attach(bench)
    del bench.host.places[3], bench.host.facts[3]
    assert bench.unprepare() == ""
    assert [notice.reason for notice in bench.notices.kept] == ["DeviceLost"]


def test_a_defect_costs_only_its_own_claim(bench: Bench) -> None:
    bench.claim("ens1")
    stored = bench.cluster.claim

    def claim(namespace: str, name: str) -> Json:
        if name == OTHER.name:
            raise TypeError("oops")
        return stored(namespace, name)

    bench.cluster.claim = claim  # type: ignore[method-assign]
    first, second = bench.resources.prepare((OTHER, CLAIM), bench.deadline)
    assert "TypeError" in first.error
    assert second.error == ""


def test_answers_are_counted_by_their_result(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    bench.prepare(OTHER)
    assert bench.meter.counts["knd_claims", "prepare", "success"] == 1
    assert bench.meter.counts["knd_claims", "prepare", "not-found"] == 1


def test_waiting_ends_when_the_process_does(bench: Bench) -> None:
    bench.claim("ens1")
    bench.runtime.connected = False
    bench.preparation.end()
    began = bench.clock.monotonic()
    assert "is not connected" in bench.prepare()
    assert bench.clock.monotonic() == began


def test_turns_are_taken_one_after_the_other_for_a_claim_and_side_by_side_for_others() -> None:
    turns = Turns()
    with turns.turn("a", 1), turns.turn("b", 1), pytest.raises(Failure) as caught, turns.turn("a", 0.01):
        pass
    assert caught.value.code is Code.DEADLINE
    done = threading.Event()

    def second() -> None:
        with turns.turn("a", 10):
            done.set()

    with turns.turn("a", 1):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not done.wait(0.05)
    assert done.wait(10)
    waiting.join()


def test_what_unprepare_itself_brings_back_is_told_as_ended(bench: Bench) -> None:
    bench.claim("ens1")
    bench.prepare()
    attach(bench)
    assert bench.unprepare() == ""
    assert [(each.claim, each.pod.uid, each.ended, each.error) for each in bench.ended] == [
        (CLAIM, "pod-uid", True, "")
    ]
    bench.unprepare()
    assert len(bench.ended) == 1


def test_a_claim_asked_for_twice_at_once_is_prepared_once(bench: Bench) -> None:
    bench.claim("ens1")
    inspect, inside, go_on = bench.dataplane.inspect, threading.Event(), threading.Event()

    def slow(devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        inside.set()
        assert go_on.wait(20)
        return inspect(devices, call)

    bench.dataplane.inspect = slow  # type: ignore[method-assign]
    errors: list[str] = []
    threads = [threading.Thread(target=lambda: errors.append(bench.prepare())) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert inside.wait(20)
    go_on.wait(0.1)
    assert bench.dataplane.calls.count("prepared") == 1, "the second asks nobody until the first is answered"
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert errors == ["", ""]
    assert bench.dataplane.calls.count("prepare") == 1


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_after_the_plan_was_held_still_leads_to_a_device_that_stays_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.claim("ens1")

    def gone(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(bench.inventories, "hold", gone)
        with pytest.raises(Killed):
            bench.prepare()
    bench.inventories = Inventories(bench.shelf)
    bench.restarted()

    def watcher_tells(seconds: float) -> None:
        bench.clock.advance(seconds)
        bench.show("ens1", "ens2")

    bench.clock.sleep = watcher_tells  # type: ignore[method-assign]
    assert bench.prepare() == ""
    assert bench.shelf.values[CLAIM.uid].claim == CLAIM
    bench.show("ens2")
    assert [device.name for device in bench.inventories.devices() or ()] == ["ens1", "ens2"]


def test_a_watcher_that_is_away_costs_no_claim_that_is_held(bench: Bench) -> None:
    bench.claim("ens1")
    assert bench.prepare() == ""
    bench.shelf.values.clear()
    bench.inventories = Inventories(bench.shelf)
    bench.restarted()
    assert bench.prepare() == ""
    assert bench.shelf.values == {}
