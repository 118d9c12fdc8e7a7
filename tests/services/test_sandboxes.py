"""The runtime's hooks: what happens to pods that are ours, and that nothing happens to the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ports.errors import Code, Failure
from ports.gate import marker
from ports.ledger import Phase
from tests.services.node import LIMIT, Node, eventually
from tests.support.plans import TRACEPARENT, claim_ref, plan, pod_ref

TAKEN = Failure(Code.CONFLICT, "device ens1", "the name net1 is taken", "choose another name")


@pytest.fixture
def node() -> Node:
    """A node with three cards."""
    return Node()


def refused(node: Node) -> Failure:
    """The refusal of a container of the pod's first sandbox."""
    with pytest.raises(Failure) as caught:
        node.create(node.sandbox())
    return caught.value


# pods that are not ours


def test_a_pod_without_a_record_costs_no_call(node: Node) -> None:
    sandbox = node.sandbox()
    node.run(sandbox)
    node.create(sandbox, "PATH=/bin")
    node.stop(sandbox)
    node.hooks.remove_pod_sandbox(sandbox, node.clock.monotonic() + LIMIT)
    assert node.dataplane.calls == []
    assert node.outcomes == []


def test_pods_that_are_not_ours_pass_while_the_dataplane_is_down(node: Node) -> None:
    node.dataplane.faults.down = True
    sandbox = node.sandbox()
    node.run(sandbox)
    node.create(sandbox)
    node.stop(sandbox)


# run and create


def test_a_sandbox_gets_what_was_prepared_for_its_pod(node: Node) -> None:
    node.prepare(3, 4)
    node.run(node.sandbox())
    assert node.held() == [("s1", "ens1"), ("s1", "ens2")]


def test_a_container_of_an_attached_pod_passes_without_a_call(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.dataplane.calls.clear()
    node.create(node.sandbox())
    node.create(node.sandbox())
    assert node.dataplane.calls == []


def test_success_is_told_once_for_each_claim(node: Node) -> None:
    node.prepare(3)
    node.prepare(4, claim="more", names=("net2",))
    node.run(node.sandbox())
    node.create(node.sandbox())
    assert [(each.claim, each.error, [device.interface for device in each.devices]) for each in node.outcomes] == [
        (claim_ref("nics"), "", ["net1"]),
        (claim_ref("more"), "", ["net2"]),
    ]
    assert {each.traceparent for each in node.outcomes} == {TRACEPARENT}


def test_a_failed_attach_does_not_fail_the_sandbox(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("attach", TAKEN)
    node.run(node.sandbox())
    assert node.held() == []
    assert [each.error for each in node.outcomes] == [str(TAKEN)]


def test_the_gate_attaches_what_the_sandbox_did_not_get(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("attach", TAKEN)
    node.run(node.sandbox())
    node.create(node.sandbox())
    assert node.held() == [("s1", "ens1")]
    assert [each.error for each in node.outcomes] == [str(TAKEN), ""]


def test_the_gate_refuses_the_container_with_the_reason_and_the_remedy(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("attach", TAKEN, times=2)
    node.run(node.sandbox())
    failure = refused(node)
    assert failure.code is Code.CONFLICT
    for part in ("pod apps/web", "claim apps/nics", "device ens1", "the name net1 is taken", "choose another name"):
        assert part in str(failure)


def test_the_gate_serves_a_sandbox_that_started_while_we_were_away(node: Node) -> None:
    node.prepare(3)
    node.create(node.sandbox())
    assert node.held() == [("s1", "ens1")]


def test_what_is_attached_to_an_older_sandbox_does_not_open_the_gate(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox("s1"))
    node.create(node.sandbox("s2"))
    assert node.held() == [("s2", "ens1")]


def test_an_answer_without_all_of_the_pods_claims_opens_nothing(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    grown = node.record()
    node.ledger.write(replace(grown, plans=(*grown.plans, plan(node.host.facts[4], claim=claim_ref("more")))))
    with pytest.raises(Failure, match="claim apps/more"):
        node.create(node.sandbox())


def test_a_lost_answer_is_made_up_for_at_the_gate(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.lose_answers("attach")
    node.run(node.sandbox())
    assert node.record().phase is Phase.ATTACHED
    node.create(node.sandbox())
    assert [bool(each.error) for each in node.outcomes] == [True, False]
    assert node.outcomes[-1].devices == node.record().devices


def test_a_dataplane_that_comes_back_in_time_is_waited_for(node: Node) -> None:
    node.prepare(3)
    away = Failure(Code.UNAVAILABLE, "knd dataplane", "cannot be reached", "is it running?")
    node.dataplane.faults.fail("attach", away, times=5)
    node.run(node.sandbox())
    assert node.held() == [("s1", "ens1")]
    assert [each.error for each in node.outcomes] == [""]


def test_a_dataplane_that_stays_away_is_not_waited_for_beyond_the_deadline(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.down = True
    deadline = node.clock.monotonic() + LIMIT
    node.run(node.sandbox())
    assert node.clock.monotonic() < deadline
    failure = refused(node)
    assert failure.code is Code.UNAVAILABLE
    assert failure.retryable


def test_an_attach_that_takes_too_long_is_undone_and_tried_again(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.delay("attach", LIMIT + 1)
    node.run(node.sandbox())
    assert node.held() == []
    node.dataplane.faults.delay("attach", 0)
    node.create(node.sandbox())
    assert node.held() == [("s1", "ens1")]


def test_when_only_time_ran_out_the_refusal_names_the_reason_of_the_try_before(node: Node) -> None:
    node.prepare(3, 4, names=("net1", "net1"))
    node.run(node.sandbox())
    node.dataplane.faults.down = True
    assert "the name net1 is taken" in str(refused(node))


# pods that cannot be served


def test_a_host_network_pod_with_a_claim_is_refused_with_the_remedy(node: Node) -> None:
    node.prepare(3)
    sandbox = node.sandbox(host_network=True)
    node.run(sandbox)
    assert node.dataplane.calls == []
    assert "host's network" in node.outcomes[0].error
    with pytest.raises(Failure, match="hostNetwork: false"):
        node.create(sandbox)


def test_a_corrupt_record_shuts_the_gate_and_says_what_to_do(node: Node) -> None:
    node.prepare(3)
    node.ledger.broken[pod_ref().uid] = Failure(Code.CORRUPT, "ledger record", "checksum does not match the record")
    node.run(node.sandbox())
    failure = refused(node)
    assert failure.code is Code.CORRUPT
    assert "checksum does not match" in str(failure)
    assert "delete the pod" in failure.hint


def test_a_corrupt_record_does_not_keep_devices_from_coming_back(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.dataplane.calls.clear()
    node.ledger.broken[pod_ref().uid] = Failure(Code.CORRUPT, "ledger record", "not JSON")
    node.stop(node.sandbox())
    assert node.dataplane.calls == ["detach"]


def test_the_second_pod_of_a_claim_is_refused(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    second = node.sandbox("s9", pod_ref("second"))
    node.run(second)
    with pytest.raises(Failure, match="ResourceClaimTemplate") as caught:
        node.create(second, "PATH=/bin", f"{marker(claim_ref().uid)}=net1")
    assert claim_ref().uid in str(caught.value)
    assert [(each.pod, each.reason) for each in node.refusals] == [(pod_ref("second"), str(caught.value))]


def test_the_marker_of_a_foreign_claim_is_refused_also_where_the_pod_has_one_of_its_own(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.create(node.sandbox(), f"{marker(claim_ref().uid)}=net1")
    with pytest.raises(Failure, match="not attached to this pod"):
        node.create(node.sandbox(), f"{marker(claim_ref('more').uid)}=net1")


# stop and remove


def test_stop_brings_the_devices_back(node: Node) -> None:
    before = node.host.facts[3]
    node.prepare(3)
    node.run(node.sandbox())
    node.stop(node.sandbox())
    assert node.held() == []
    assert node.host.facts[3] == before


def test_remove_makes_up_for_a_missed_stop(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.hooks.remove_pod_sandbox(node.sandbox(), node.clock.monotonic() + LIMIT)
    assert node.held() == []


def test_the_stop_of_an_old_sandbox_leaves_the_new_one_alone(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox("s1"))
    node.run(node.sandbox("s2"))
    node.stop(node.sandbox("s1"))
    assert node.held() == [("s2", "ens1")]
    node.dataplane.calls.clear()
    node.create(node.sandbox("s2"))
    assert node.dataplane.calls == []


def test_a_failed_attach_is_tried_again_without_waiting_for_a_container(node: Node) -> None:
    """The runtime refuses a container whose CDI device is missing before it asks a plugin: no hook would come."""
    node.prepare(3)
    node.dataplane.faults.down = True
    with node.reconciling():
        node.run(node.sandbox())
        node.dataplane.faults.down = False
        assert eventually(lambda: node.held() == [("s1", "ens1")])
        assert eventually(lambda: [bool(each.error) for each in node.outcomes] == [True, False])


def test_an_attach_that_goes_on_failing_is_tried_until_it_works_and_told_once_a_reason(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("step", TAKEN, times=6)
    with node.reconciling():
        node.run(node.sandbox())
        assert eventually(lambda: node.held() == [("s1", "ens1")])
    assert [bool(each.error) for each in node.outcomes] in ([True, False], [True, True, False])


def test_a_failed_detach_is_made_up_for_by_a_reconcile(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.dataplane.faults.fail("detach", Failure(Code.KERNEL, "device ens1", "busy"))
    node.stop(node.sandbox())
    assert node.held() == [("s1", "ens1")]
    with node.reconciling():
        assert eventually(lambda: node.held() == [])


# traces


def test_an_attach_is_traced_step_by_step_under_the_claims_own_trace(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.delay("step", 0.01)
    node.run(node.sandbox())
    ((span, traceparent),) = node.tracer.spans
    assert traceparent == TRACEPARENT
    assert (span.name, span.attributes["k8s.pod.name"], span.error) == ("attach", "web", "")
    (device,) = span.children
    steps = [step.name for step in device.children]
    assert steps == ["release", "move", "rename", "add-address", "set-up", "add-route"]
    assert span.start_ns <= device.start_ns < device.end_ns <= span.end_ns
    assert all(step.end_ns - step.start_ns == 10_000_000 for step in device.children)


def test_each_claim_has_its_devices_in_its_own_trace(node: Node) -> None:
    other = "00-" + "b" * 32 + "-" + "c" * 16 + "-01"
    node.prepare(3)
    node.dataplane.prepare(
        plan(node.host.facts[4], claim=claim_ref("more"), names=("net2",), traceparent=other), node.call()
    )
    node.run(node.sandbox())
    assert {traceparent: [child.name for child in span.children] for span, traceparent in node.tracer.spans} == {
        TRACEPARENT: ["device ens1"],
        other: ["device ens2"],
    }


def test_a_failed_attach_is_traced_with_its_error(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("attach", TAKEN)
    node.run(node.sandbox())
    assert [span.error for span, _ in node.tracer.spans] == [str(TAKEN)]


def test_an_attach_that_had_nothing_to_do_is_not_traced_again(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.run(node.sandbox())
    assert len(node.tracer.spans) == 1


# the end is told


def test_a_stop_tells_once_that_the_devices_have_left_the_pod(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.outcomes.clear()
    node.stop(node.sandbox())
    node.hooks.remove_pod_sandbox(node.sandbox(), node.clock.monotonic() + LIMIT)
    assert [(each.claim, each.ended, each.devices, each.error) for each in node.outcomes] == [
        (claim_ref("nics"), True, (), "")
    ]


def test_the_stop_of_an_older_sandbox_does_not_tell_that_the_pod_has_ended(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox("s1"))
    node.run(node.sandbox("s2"))
    node.outcomes.clear()
    node.stop(node.sandbox("s1"))
    assert node.outcomes == []
