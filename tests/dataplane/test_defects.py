"""Errors that are no failures of the kernel's, which only a defect of ours makes: they cost one device, and no other."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from dataplane.values import route_mistakes
from ports.devices import Metric, Route
from ports.errors import Code, Failure
from ports.ledger import Phase
from ports.results import Verdict
from tests.dataplane.bench import CLAIM, POD, Crash, Host, make_host
from tests.dataplane.test_faults import heal
from tests.dataplane.test_readdressing import NEW, OLD, attached, leased, seen
from tests.support.plans import pod_ref


def at(call: str, error: BaseException) -> Callable[[str], None]:
    """Raises at each call of that name."""

    def act(name: str) -> None:
        if name == call:
            raise error

    return act


@pytest.fixture
def host() -> Host:
    return make_host()


@pytest.mark.parametrize("call", ["set_mtu", "move"])
def test_a_way_back_goes_on_after_a_defect(host: Host, call: str) -> None:
    worker = host.worker()
    host.attached(worker)
    host.kernel.before_call = at(call, struct.error("argument out of range"))
    told = worker.detach(host.sandbox(), host.call())
    heal(host.kernel)
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert (record.phase is Phase.DETACHING) == (call == "move")
    assert told.lost
    worker.detach(host.sandbox(), host.call())
    worker.unprepare(CLAIM.uid, host.call())
    assert host.kernel.open_handles == 0


def test_a_process_starts_although_a_change_of_leases_cannot_be_taken_back() -> None:
    host, worker, before = attached()
    host.kernel.before_call = at("add_route", Crash())
    with pytest.raises(Crash):
        worker.readdress(leased(host, NEW, before), host.call())
    host.die(worker)
    host.kernel.before_call = at("remove_address", struct.error("argument out of range"))
    again = host.worker()
    heal(host.kernel)
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert (record.phase, record.readdressing) == (Phase.ATTACHED, None)
    assert OLD in seen(host)["net1"][0]
    again.detach(host.sandbox(), host.call())
    assert host.kernel.host_facts() == host.before


def test_a_defect_with_one_pod_is_no_other_pods(host: Host) -> None:
    worker = host.worker()
    other = pod_ref("other")
    worker.prepare(host.plan(host.card, names=("net1",)), host.call())
    worker.prepare(host.plan(host.other, pod=other, name="others", names=("net1",)), host.call())
    boxes = (host.sandbox(), host.sandbox("sandbox-2", other))
    for box in boxes:
        worker.attach(box, host.call())
    host.die(worker)
    opened: list[str] = []

    def once(name: str) -> None:
        if name == "open" and not opened:
            opened.append(name)
            raise struct.error("argument out of range")

    host.kernel.before_call = once
    again = host.worker()
    assert opened
    opened.clear()
    host.die(again)
    report = again.reconcile(boxes, host.call())
    assert sorted(finding.verdict for finding in report.findings) == sorted([Verdict.BROKEN, Verdict.ADOPTED])


def test_a_lease_changes_only_where_the_pod_stands() -> None:
    host, worker, before = attached()
    host.kernel.before_call = at("move", Failure(Code.KERNEL, "the device", "is busy"))
    worker.detach(host.sandbox(), host.call())
    with pytest.raises(Failure, match="detaching") as caught:
        worker.readdress(leased(host, NEW, before), host.call())
    assert caught.value.code is Code.CONFLICT


def test_nobody_is_looked_at_for_a_question_whose_time_has_passed(host: Host) -> None:
    worker = host.worker()
    call = host.call(1.0)
    host.kernel.before_call = lambda _: host.clock.sleep(0.2)
    host.kernel.calls.clear()
    with pytest.raises(Failure) as caught:
        worker.inspect((host.card.identity,) * 1000, call)
    assert caught.value.code is Code.DEADLINE
    assert len(host.kernel.calls) < 30


def test_a_route_has_each_metric_once_so_that_its_request_has_a_size() -> None:
    route = Route(destination="10.0.0.0/8", metrics=(Metric(number=8, value=1200), Metric(number=11, value=30)))
    assert tuple(route_mistakes(route)) == ()
    assert tuple(route_mistakes(replace(route, metrics=route.metrics[:1] * 9000)))
