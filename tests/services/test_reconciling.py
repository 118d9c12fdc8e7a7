"""After a connect: the runtime's list against the dataplane, beside the hooks and until it has worked once."""

from __future__ import annotations

import threading

import pytest

from ports.errors import Code, Failure
from ports.inbound import Container, PodSandbox
from tests.services.node import Node, eventually
from tests.support.plans import pod_ref


@pytest.fixture
def node() -> Node:
    """A node with three cards."""
    return Node()


def running(sandbox: PodSandbox) -> Container:
    """A container that runs in the sandbox."""
    return Container(id=f"c-{sandbox.id}", sandbox_id=sandbox.id, name="app", running=True)


def restarted(node: Node) -> Node:
    """``knd nri`` started anew on the same node: what it had in memory is gone."""
    return Node(node.dataplane, node.ledger)


def test_synchronize_asks_nobody_before_it_returns(node: Node) -> None:
    node.prepare(3)
    node.hooks.synchronize((node.sandbox(),), ())
    assert node.dataplane.calls == []


def test_a_sandbox_that_waits_without_containers_is_attached_late_told_and_traced(node: Node) -> None:
    node.prepare(3)
    node.hooks.synchronize((node.sandbox(),), ())
    node.reconciler.once()
    assert node.held() == [("s1", "ens1")]
    assert [(each.error, each.devices[0].interface) for each in node.outcomes] == [("", "net1")]
    assert [span.name for span, _ in node.tracer.spans] == ["attach"]


def test_after_a_restart_every_attached_pod_is_told_again(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    fresh = restarted(node)
    fresh.hooks.synchronize((node.sandbox(),), (running(node.sandbox()),))
    fresh.reconciler.once()
    assert fresh.outcomes == node.outcomes
    assert fresh.tracer.spans == []


def test_each_connect_tells_again(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.hooks.synchronize((node.sandbox(),), (running(node.sandbox()),))
    node.reconciler.once()
    node.reconciler.once()
    assert len(node.outcomes) == 2


def test_a_pod_whose_record_cannot_be_read_is_told_all_the_same(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    fresh = restarted(node)
    fresh.hooks.synchronize((node.sandbox(),), ())
    report = node.dataplane.reconcile(fresh.live.all(), node.call())
    node.ledger.broken[pod_ref().uid] = Failure(Code.CORRUPT, "ledger record", "not JSON")
    fresh.reconciler.digest(report, fresh.live.all())
    assert [each.devices for each in fresh.outcomes] == [node.outcomes[0].devices]


def test_a_container_that_runs_without_its_devices_is_told_as_an_error(node: Node) -> None:
    node.prepare(3)
    node.hooks.synchronize((node.sandbox(),), (running(node.sandbox()),))
    node.reconciler.once()
    assert node.held() == []
    assert ["without their devices" in each.error for each in node.outcomes] == [True]


def test_the_devices_of_a_sandbox_that_is_gone_come_back(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    node.hooks.synchronize((), ())
    node.reconciler.once()
    assert node.held() == []
    assert [each.ended for each in node.outcomes] == [False, True]


def test_it_goes_on_until_the_dataplane_is_there(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.down = True
    node.hooks.synchronize((node.sandbox(),), ())
    with node.reconciling():
        assert eventually(lambda: node.dataplane.calls.count("reconcile") >= 3)
        node.dataplane.faults.down = False
        assert eventually(lambda: len(node.outcomes) == 1)
        assert node.held() == [("s1", "ens1")]


def test_a_sandbox_that_started_while_it_waited_keeps_its_devices(node: Node) -> None:
    node.dataplane.faults.fail("reconcile", Failure(Code.UNAVAILABLE, "knd dataplane", "away"))
    node.hooks.synchronize((), ())
    with pytest.raises(Failure):
        node.reconciler.once()
    node.prepare(3)
    node.run(node.sandbox())
    node.reconciler.once()
    assert node.held() == [("s1", "ens1")]


def test_a_sandbox_that_stopped_while_it_waited_is_not_attached_late(node: Node) -> None:
    node.prepare(3)
    node.hooks.synchronize((node.sandbox(),), ())
    node.stop(node.sandbox())
    node.reconciler.once()
    assert node.held() == []


def test_no_attach_runs_inside_a_reconcile(node: Node) -> None:
    node.prepare(3)
    inside, go_on = threading.Event(), threading.Event()
    answer = node.dataplane.reconcile

    def slow(*args: object) -> object:
        inside.set()
        assert go_on.wait(10)
        return answer(*args)  # type: ignore[arg-type]

    node.dataplane.reconcile = slow  # type: ignore[method-assign,assignment]
    node.hooks.synchronize((), ())
    with node.reconciling():
        assert inside.wait(10)
        run = threading.Thread(target=node.run, args=(node.sandbox(),), daemon=True)
        run.start()
        assert eventually(lambda: len(node.live.all()) == 1)
        assert "attach" not in node.dataplane.calls
        go_on.set()
        run.join(10)
        assert eventually(lambda: len(node.outcomes) == 1)
    assert node.dataplane.calls[:2] == ["reconcile", "attach"]
    assert node.held() == [("s1", "ens1")]
    assert [each.error for each in node.outcomes] == [""], "a sandbox that came later is not told of as failed"


def test_an_attach_that_cannot_begin_in_time_says_so_and_the_gate_tries_again(node: Node) -> None:
    node.prepare(3)
    with node.attacher.alone(1, "somebody else"):
        node.hooks.run_pod_sandbox(node.sandbox(), node.clock.monotonic() + 0.05)
    assert "busy" in node.outcomes[0].error
    node.create(node.sandbox())
    assert node.held() == [("s1", "ens1")]


def test_a_container_that_was_let_through_counts_as_started(node: Node) -> None:
    node.prepare(3)
    node.run(node.sandbox())
    assert [each.containers_started for each in node.live.all()] == [False]
    node.create(node.sandbox())
    assert [each.containers_started for each in node.live.all()] == [True]


def test_a_refused_container_does_not_count_as_started(node: Node) -> None:
    node.prepare(3)
    node.dataplane.faults.fail("attach", Failure(Code.KERNEL, "device ens1", "no"), times=2)
    node.run(node.sandbox())
    with pytest.raises(Failure):
        node.create(node.sandbox())
    assert [each.containers_started for each in node.live.all()] == [False]


def test_the_loop_ends_while_it_waits_for_the_dataplane(node: Node) -> None:
    node.dataplane.faults.down = True
    node.reconciler.backoff.first = node.reconciler.backoff.limit = 3600.0
    node.hooks.synchronize((), ())
    with node.reconciling():
        assert eventually(lambda: "reconcile" in node.dataplane.calls)
