"""What every dataplane promises, whoever implements it: the fake, the worker, either of them behind the bus.

Subclass ``DataplaneContract`` in a test module and give it a ``bench`` fixture.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ports.dataplane import Call, Sandbox
from ports.devices import LinkFacts
from ports.errors import Code, Failure
from ports.plan import Plan
from ports.results import Verdict
from tests.contracts.dataplane.bench import Bench
from tests.support.plans import claim_ref, plan, pod_ref

POD = pod_ref("web")
CLAIM = claim_ref("nics")
OTHER_CLAIM = claim_ref("more")
_keys = itertools.count()


def call(bench: Bench, seconds: float = 30.0) -> Call:
    """A call of its own with so much time left."""
    return Call(key=f"contract-{next(_keys)}", deadline=bench.now() + seconds)


def sandbox(bench: Bench, name: str = "sandbox-1", started: bool = False) -> Sandbox:
    """A sandbox of the pod with a namespace of its own."""
    return Sandbox(id=name, pod_uid=POD.uid, netns=bench.netns(name), containers_started=started)


def facts(bench: Bench) -> tuple[LinkFacts, ...]:
    """What the host has, as the dataplane sees it."""
    return bench.dataplane.inspect(bench.devices, call(bench))


def prepare(bench: Bench, *which: int) -> Plan:
    """Prepare the claim with these devices (by place in ``bench.devices``)."""
    made = plan(*(facts(bench)[index] for index in which or (0,)), claim=CLAIM, pod=POD)
    bench.dataplane.prepare(made, call(bench))
    return made


def refusal(action: Callable[[], object]) -> Code:
    """The code the action is refused with."""
    with pytest.raises(Failure) as caught:
        action()
    assert caught.value.subject, "a failure names what it is about"
    assert caught.value.detail, "a failure says what happened"
    return caught.value.code


class DataplaneContract:
    """The promises of ``ports.dataplane``."""

    @pytest.fixture
    def bench(self) -> Bench:
        """The dataplane under test with its host."""
        raise NotImplementedError

    # inspect

    def test_inspect_answers_in_the_order_asked(self, bench: Bench) -> None:
        backwards = tuple(reversed(bench.devices))
        answer = bench.dataplane.inspect(backwards, call(bench))
        assert tuple(each.link.identity for each in answer) == backwards

    def test_inspect_names_a_device_that_is_not_in_the_host(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        with pytest.raises(Failure) as caught:
            bench.dataplane.inspect(bench.devices[:1], call(bench))
        assert caught.value.code is Code.NOT_FOUND
        assert str(bench.devices[0]) in str(caught.value)

    # prepare, prepared, unprepare

    def test_an_unknown_claim_is_not_prepared(self, bench: Bench) -> None:
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) is None

    def test_a_prepared_plan_is_kept_as_it_was_given(self, bench: Bench) -> None:
        made = prepare(bench, 0, 1)
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made

    def test_prepare_leaves_the_host_alone(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0, 1)
        assert facts(bench) == before

    def test_a_plan_outlives_the_dataplane(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        bench.restart()
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made
        assert bench.dataplane.attach(sandbox(bench), call(bench)).devices[0].interface == "net1"

    def test_a_second_prepare_is_a_success(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        bench.dataplane.prepare(made, call(bench))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made

    def test_a_new_plan_takes_the_place_of_one_not_attached(self, bench: Bench) -> None:
        prepare(bench, 0)
        newer = plan(facts(bench)[0], claim=CLAIM, pod=POD, names=("fabric0",))
        bench.dataplane.prepare(newer, call(bench))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == newer

    def test_preparing_again_what_is_attached_leaves_it_attached(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        first = bench.dataplane.attach(sandbox(bench), call(bench))
        bench.dataplane.prepare(made, call(bench))
        again = bench.dataplane.attach(sandbox(bench), call(bench))
        assert again.already
        assert again.devices == first.devices

    def test_a_claim_that_comes_after_the_pod_is_attached_is_a_conflict(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        (free,) = bench.dataplane.inspect(bench.devices[1:2], call(bench))
        late = plan(free, claim=OTHER_CLAIM, pod=POD, names=("net2",))
        assert refusal(lambda: bench.dataplane.prepare(late, call(bench))) is Code.CONFLICT
        assert bench.dataplane.attach(sandbox(bench), call(bench)).already

    def test_another_plan_for_what_is_attached_is_a_conflict(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        other = plan(before[0], claim=CLAIM, pod=POD, names=("fabric0",))
        assert refusal(lambda: bench.dataplane.prepare(other, call(bench))) is Code.CONFLICT

    def test_a_device_that_changed_since_inspect_is_a_conflict(self, bench: Bench) -> None:
        made = plan(facts(bench)[0], claim=CLAIM, pod=POD)
        bench.disturb(bench.devices[0])
        assert refusal(lambda: bench.dataplane.prepare(made, call(bench))) is Code.CONFLICT
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) is None

    def test_a_device_of_another_claim_is_a_conflict(self, bench: Bench) -> None:
        prepare(bench, 0)
        other = plan(facts(bench)[0], claim=OTHER_CLAIM, pod=pod_ref("other"))
        assert refusal(lambda: bench.dataplane.prepare(other, call(bench))) is Code.CONFLICT

    def test_an_uplink_is_refused(self, bench: Bench) -> None:
        (uplink,) = bench.dataplane.inspect((bench.uplink,), call(bench))
        assert refusal(lambda: bench.dataplane.prepare(plan(uplink, claim=CLAIM, pod=POD), call(bench))) is Code.REFUSED

    def test_one_bad_device_keeps_the_whole_plan_out(self, bench: Bench) -> None:
        (uplink,) = bench.dataplane.inspect((bench.uplink,), call(bench))
        refusal(lambda: bench.dataplane.prepare(plan(facts(bench)[0], uplink, claim=CLAIM, pod=POD), call(bench)))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) is None

    def test_unprepare_of_an_unknown_claim_is_a_success(self, bench: Bench) -> None:
        assert bench.dataplane.unprepare("no-such-claim", call(bench)).devices == ()

    def test_unprepare_forgets_the_claim(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.unprepare(CLAIM.uid, call(bench))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) is None
        assert refusal(lambda: bench.dataplane.attach(sandbox(bench), call(bench))) is Code.NOT_FOUND

    def test_unprepare_forgets_no_other_claim_of_the_pod(self, bench: Bench) -> None:
        prepare(bench, 0)
        other = plan(facts(bench)[1], claim=OTHER_CLAIM, pod=POD, names=("net2",))
        bench.dataplane.prepare(other, call(bench))
        bench.dataplane.unprepare(CLAIM.uid, call(bench))
        assert bench.dataplane.prepared(OTHER_CLAIM.uid, call(bench)) == other
        attached = bench.dataplane.attach(sandbox(bench), call(bench))
        assert [each.interface for each in attached.devices] == ["net2"]

    def test_unprepare_of_an_attached_claim_brings_its_device_back_first(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        detached = bench.dataplane.unprepare(CLAIM.uid, call(bench))
        assert len(detached.devices) == 1
        assert facts(bench) == before
        bench.dataplane.unprepare(CLAIM.uid, call(bench))

    # attach

    def test_attach_of_a_pod_with_nothing_prepared_is_not_found(self, bench: Bench) -> None:
        assert refusal(lambda: bench.dataplane.attach(sandbox(bench), call(bench))) is Code.NOT_FOUND

    def test_attach_tells_what_is_in_the_pod(self, bench: Bench) -> None:
        made = prepare(bench, 0, 1)
        attached = bench.dataplane.attach(sandbox(bench), call(bench))
        assert (attached.pod, attached.sandbox, attached.already) == (POD, "sandbox-1", False)
        assert [each.interface for each in attached.devices] == ["net1", "net2"]
        for device, planned in zip(attached.devices, made.devices, strict=True):
            assert (device.claim, device.request, device.pool, device.device) == (
                CLAIM,
                planned.request,
                planned.pool,
                planned.device,
            )
            assert device.mac == planned.before.link.mac
            assert set(device.addresses) == {each.prefix for each in planned.before.addresses}

    def test_attach_times_every_step(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        timings = bench.dataplane.attach(sandbox(bench), call(bench)).timings
        assert [each.step for each in timings] == [step.kind for step in made.devices[0].steps]
        assert {each.device for each in timings} == {made.devices[0].device}
        assert all(each.start_ns <= each.end_ns and not each.error for each in timings)

    def test_attach_carries_the_trace_of_the_plan(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        assert bench.dataplane.attach(sandbox(bench), call(bench)).traceparent == made.traceparent

    def test_a_second_attach_answers_the_same(self, bench: Bench) -> None:
        prepare(bench, 0, 1)
        first = bench.dataplane.attach(sandbox(bench), call(bench))
        again = bench.dataplane.attach(sandbox(bench), call(bench))
        assert again.already
        assert (again.pod, again.sandbox, again.devices) == (first.pod, first.sandbox, first.devices)

    def test_the_same_call_sent_twice_is_carried_out_once(self, bench: Bench) -> None:
        prepare(bench, 0)
        same = call(bench)
        first = bench.dataplane.attach(sandbox(bench), same)
        assert bench.dataplane.attach(sandbox(bench), same).devices == first.devices
        assert len(bench.dataplane.held(call(bench))) == 1

    def test_attach_serves_all_claims_of_the_pod(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.prepare(plan(facts(bench)[1], claim=OTHER_CLAIM, pod=POD, names=("net2",)), call(bench))
        attached = bench.dataplane.attach(sandbox(bench), call(bench))
        assert {each.claim for each in attached.devices} == {CLAIM, OTHER_CLAIM}

    def test_a_failure_in_the_middle_undoes_all(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0, 1)
        target = sandbox(bench)
        bench.occupy(bench.netns(target.id), "net2")
        refusal(lambda: bench.dataplane.attach(target, call(bench)))
        assert facts(bench) == before
        assert bench.dataplane.held(call(bench)) == ()

    def test_an_attach_that_failed_can_be_tried_again(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.occupy(bench.netns("sandbox-1"), "net1")
        refusal(lambda: bench.dataplane.attach(sandbox(bench), call(bench)))
        attached = bench.dataplane.attach(sandbox(bench, "sandbox-2"), call(bench))
        assert not attached.already
        assert [each.interface for each in attached.devices] == ["net1"]

    def test_attach_without_a_namespace_is_refused(self, bench: Bench) -> None:
        prepare(bench, 0)
        bare = Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=None)
        assert refusal(lambda: bench.dataplane.attach(bare, call(bench))) in {Code.REFUSED, Code.INVALID}

    def test_attach_to_the_hosts_own_namespace_is_refused(self, bench: Bench) -> None:
        prepare(bench, 0)
        host = Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=bench.host_netns)
        assert refusal(lambda: bench.dataplane.attach(host, call(bench))) is Code.REFUSED

    def test_attach_to_a_namespace_that_is_gone_is_not_found(self, bench: Bench) -> None:
        prepare(bench, 0)
        gone = sandbox(bench)
        bench.end(bench.netns(gone.id))
        assert refusal(lambda: bench.dataplane.attach(gone, call(bench))) is Code.NOT_FOUND

    def test_the_pods_next_sandbox_takes_the_devices_over(self, bench: Bench) -> None:
        prepare(bench, 0)
        first = bench.dataplane.attach(sandbox(bench, "sandbox-1"), call(bench))
        second = bench.dataplane.attach(sandbox(bench, "sandbox-2"), call(bench))
        assert second.sandbox == "sandbox-2"
        assert not second.already
        assert second.devices == first.devices
        assert [each.sandbox for each in bench.dataplane.held(call(bench))] == ["sandbox-2"]

    # deadlines

    def test_nothing_is_done_for_a_call_whose_time_has_passed(self, bench: Bench) -> None:
        before = facts(bench)
        made = prepare(bench, 0)
        late = call(bench, seconds=-0.001)
        box = sandbox(bench)
        other = plan(before[1], claim=OTHER_CLAIM, pod=POD)
        for action in (
            lambda: bench.dataplane.inspect(bench.devices, late),
            lambda: bench.dataplane.prepared(CLAIM.uid, late),
            lambda: bench.dataplane.prepare(other, late),
            lambda: bench.dataplane.unprepare(CLAIM.uid, late),
            lambda: bench.dataplane.attach(box, late),
            lambda: bench.dataplane.detach(box, late),
            lambda: bench.dataplane.reconcile((box,), late),
            lambda: bench.dataplane.held(late),
        ):
            assert refusal(action) is Code.DEADLINE
        assert facts(bench) == before
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made
        assert bench.dataplane.prepared(OTHER_CLAIM.uid, call(bench)) is None

    # detach

    def test_detach_of_a_sandbox_that_holds_nothing_is_a_success(self, bench: Bench) -> None:
        detached = bench.dataplane.detach(sandbox(bench), call(bench))
        assert (detached.devices, detached.lost) == ((), ())

    def test_detach_puts_the_host_back(self, bench: Bench) -> None:
        before = facts(bench)
        made = prepare(bench, 0, 1)
        bench.dataplane.attach(sandbox(bench), call(bench))
        detached = bench.dataplane.detach(sandbox(bench), call(bench))
        assert detached.pod_uid == POD.uid
        assert sorted(detached.devices) == sorted(device.device for device in made.devices)
        assert detached.lost == ()
        assert facts(bench) == before
        assert bench.dataplane.held(call(bench)) == ()

    def test_detach_needs_no_namespace(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        bench.dataplane.detach(Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=None), call(bench))
        assert facts(bench) == before

    def test_a_second_detach_is_a_success(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        bench.dataplane.detach(sandbox(bench), call(bench))
        assert bench.dataplane.detach(sandbox(bench), call(bench)).devices == ()

    def test_detach_of_an_older_sandbox_leaves_the_newer_one_its_devices(self, bench: Bench) -> None:
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench, "sandbox-1"), call(bench))
        bench.dataplane.attach(sandbox(bench, "sandbox-2"), call(bench))
        bench.dataplane.detach(sandbox(bench, "sandbox-1"), call(bench))
        assert [each.sandbox for each in bench.dataplane.held(call(bench))] == ["sandbox-2"]

    def test_the_plan_stays_prepared_after_detach(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        bench.dataplane.detach(sandbox(bench), call(bench))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made
        assert not bench.dataplane.attach(sandbox(bench, "sandbox-2"), call(bench)).already

    # held

    def test_held_tells_what_is_where(self, bench: Bench) -> None:
        prepare(bench, 0)
        assert bench.dataplane.held(call(bench)) == ()
        attached = bench.dataplane.attach(sandbox(bench), call(bench))
        (held,) = bench.dataplane.held(call(bench))
        assert (held.pod, held.sandbox, held.interface) == (POD, "sandbox-1", "net1")
        assert held.device == attached.devices[0].device
        assert held.identity.same_device(bench.devices[0])

    # a namespace that died with nobody telling

    def test_the_claims_that_there_is_a_plan_of_are_told(self, bench: Bench) -> None:
        assert bench.dataplane.claims(call(bench)) == ()
        prepare(bench, 0)
        assert bench.dataplane.claims(call(bench)) == (CLAIM.uid,)
        bench.dataplane.attach(sandbox(bench), call(bench))
        assert bench.dataplane.claims(call(bench)) == (CLAIM.uid,)
        bench.dataplane.unprepare(CLAIM.uid, call(bench))
        assert bench.dataplane.claims(call(bench)) == ()

    def test_prepared_takes_back_what_died_with_its_namespace(self, bench: Bench) -> None:
        before = facts(bench)
        made = prepare(bench, 0)
        box = sandbox(bench)
        bench.dataplane.attach(box, call(bench))
        bench.end(bench.netns(box.id))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made
        assert facts(bench) == before

    def test_detach_restores_the_host_although_the_namespace_died(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        box = sandbox(bench)
        bench.dataplane.attach(box, call(bench))
        bench.end(bench.netns(box.id))
        bench.dataplane.detach(box, call(bench))
        assert facts(bench) == before

    # reconcile

    def test_reconcile_of_an_empty_ledger_finds_nothing(self, bench: Bench) -> None:
        report = bench.dataplane.reconcile((sandbox(bench),), call(bench))
        assert (report.findings, report.attached) == ((), ())

    def test_reconcile_adopts_what_is_in_place_and_tells_of_it_again(self, bench: Bench) -> None:
        prepare(bench, 0)
        attached = bench.dataplane.attach(sandbox(bench), call(bench))
        bench.restart()
        report = bench.dataplane.reconcile((sandbox(bench, started=True),), call(bench))
        assert [(each.pod, each.verdict) for each in report.findings] == [(POD, Verdict.ADOPTED)]
        assert [(each.sandbox, each.devices, each.already) for each in report.attached] == [
            ("sandbox-1", attached.devices, True)
        ]

    def test_reconcile_attaches_late_where_no_container_has_started(self, bench: Bench) -> None:
        prepare(bench, 0)
        report = bench.dataplane.reconcile((sandbox(bench),), call(bench))
        assert [each.verdict for each in report.findings] == [Verdict.ATTACHED]
        assert [each.devices[0].interface for each in report.attached] == ["net1"]
        assert bench.dataplane.attach(sandbox(bench), call(bench)).already

    def test_reconcile_reports_a_container_that_runs_without_its_device(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        report = bench.dataplane.reconcile((sandbox(bench, started=True),), call(bench))
        assert [each.verdict for each in report.findings] == [Verdict.BROKEN]
        assert report.findings[0].reason
        assert report.attached == ()
        assert facts(bench) == before

    def test_reconcile_brings_back_the_devices_of_a_sandbox_that_is_gone(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        report = bench.dataplane.reconcile((), call(bench))
        assert [each.verdict for each in report.findings] == [Verdict.RETURNED]
        assert facts(bench) == before

    def test_reconcile_knows_a_sandbox_that_ended_from_one_that_lives(self, bench: Bench) -> None:
        before = facts(bench)
        prepare(bench, 0)
        bench.dataplane.attach(sandbox(bench), call(bench))
        ended = Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=None)
        report = bench.dataplane.reconcile((ended,), call(bench))
        assert [each.verdict for each in report.findings] == [Verdict.RETURNED]
        assert facts(bench) == before

    def test_reconcile_lets_a_pod_without_sandbox_wait(self, bench: Bench) -> None:
        made = prepare(bench, 0)
        report = bench.dataplane.reconcile((), call(bench))
        assert [each.verdict for each in report.findings] == [Verdict.WAITING]
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made

    def test_reconcile_twice_changes_nothing_more(self, bench: Bench) -> None:
        prepare(bench, 0)
        first = bench.dataplane.reconcile((sandbox(bench),), call(bench))
        second = bench.dataplane.reconcile((sandbox(bench),), call(bench))
        assert [each.verdict for each in second.findings] == [Verdict.ADOPTED]
        assert second.attached[0].devices == first.attached[0].devices
