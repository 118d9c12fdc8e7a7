"""Whatever comes in whatever order, with whatever failing: no container without its devices, no device lost."""

from __future__ import annotations

import contextlib
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from ports.errors import Code, Failure
from tests.services.node import Node, eventually
from tests.support.plans import claim_ref, pod_ref

BROKEN = Failure(Code.KERNEL, "device ens1", "no such device")
EVENTS = st.sampled_from(["run", "create", "stop", "connect", "reconcile"])
SANDBOXES = st.sampled_from(["s1", "s2"])
FAULTS = st.sampled_from(["none", "none", "fail", "lose", "slow"])
VERB = {"run": "attach", "create": "attach", "stop": "detach", "connect": "reconcile", "reconcile": "reconcile"}


def happen(node: Node, event: str, name: str, running: dict[str, bool]) -> None:
    """One event of the runtime, as a runtime would send it: sandboxes are run once and stopped once."""
    sandbox = node.sandbox(name)
    if event == "run" and name not in running:
        running[name] = True
        node.run(sandbox)
    elif event == "create" and running.get(name):
        node.create(sandbox)
        assert (name, "ens1") in node.held(), "a container was let through without the pod's device"
    elif event == "stop" and name in running:
        running[name] = False
        node.stop(sandbox)
    elif event == "connect":
        node.hooks.synchronize(tuple(node.sandbox(each) for each, lives in running.items() if lives), ())
    elif event == "reconcile":
        node.reconciler.once()


def break_something(node: Node, fault: str, verb: str) -> None:
    """Let the next call of this verb go wrong."""
    node.dataplane.faults.delay(verb, 5.0 if fault == "slow" else 0.0)
    if fault == "fail":
        node.dataplane.faults.fail(verb, BROKEN)
    elif fault == "lose":
        node.dataplane.faults.lose_answers(verb)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.tuples(EVENTS, SANDBOXES, FAULTS), max_size=12))
def test_no_container_passes_without_its_device_and_the_host_gets_it_back(story: list[tuple[str, str, str]]) -> None:
    node = Node()
    before = node.host.facts[3]
    node.prepare(3)
    running: dict[str, bool] = {}
    for event, name, fault in story:
        break_something(node, fault, VERB[event])
        with contextlib.suppress(Failure):
            happen(node, event, name, running)
    node.dataplane.faults.heal()
    node.hooks.synchronize((), ())
    node.reconciler.once()
    node.dataplane.unprepare(claim_ref().uid, node.call())
    assert node.host.facts[3] == before
    assert node.ledger.records() == ()


def test_many_pods_at_once_beside_a_reconcile_all_keep_their_devices() -> None:
    node = Node()
    pods = {index: pod_ref(f"p{index}") for index in (3, 4, 5)}
    for index, pod in pods.items():
        node.prepare(index, claim=f"c{index}", pod=pod)
    boxes = [node.sandbox(f"s{index}", pod) for index, pod in pods.items()]
    with node.reconciling():
        node.hooks.synchronize((), ())
        threads = [threading.Thread(target=node.run, args=(box,), daemon=True) for box in boxes]
        for thread in threads:
            thread.start()
            node.reconciler.request()
        for thread in threads:
            thread.join(20)
        assert eventually(lambda: node.dataplane.calls.count("reconcile") > 0)
    assert sorted(node.held()) == [("s3", "ens1"), ("s4", "ens2"), ("s5", "ens3")]
