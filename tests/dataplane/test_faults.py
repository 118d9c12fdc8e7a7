"""Every kernel call of an attach and of a detach is made to fail once, before and after it is done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from ports.errors import Code, Failure
from ports.ledger import Phase
from tests.contracts.kernel.fake import FakeKernel
from tests.dataplane.bench import CLAIM, POD, Host, make_host

MOMENTS = ("before_call", "after_call")


class FailAt:
    """Lets the n-th call fail, counted from 0."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, call: str) -> None:
        self.left -= 1
        if self.left == -1:
            raise Failure(Code.KERNEL, call, "made to fail")


def calls_of(act: Callable[[Host], object], arrange: Callable[[Host], object]) -> int:
    host = make_host()
    arrange(host)
    before = len(host.kernel.calls)
    act(host)
    return len(host.kernel.calls) - before


def prepared(host: Host) -> None:
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    host.sandbox()


ATTACH_CALLS = calls_of(lambda host: host.worker().attach(host.sandbox(), host.call()), prepared)
DETACH_CALLS = 120  # more than there are: the last ones do not fail at all


def inject(kernel: FakeKernel, moment: str, number: int) -> None:
    fail = FailAt(number)

    def call_out(call: str) -> None:
        if (call, moment) != ("open", "after_call"):  # an open that fails after it is done is the kernel's own leak
            fail(call)

    setattr(kernel, moment, call_out)


def heal(kernel: FakeKernel) -> None:
    kernel.before_call = kernel.after_call = lambda call: None


def test_attach_makes_enough_calls_to_be_worth_testing() -> None:
    assert ATTACH_CALLS > 20


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(ATTACH_CALLS))
def test_an_attach_that_fails_at_any_call_leaves_the_host_as_it_was(number: int, moment: str) -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    box = host.sandbox()
    worker = host.worker()
    inject(host.kernel, moment, number)
    try:
        worker.attach(box, host.call())
        failed = False
    except Failure:
        failed = True
    heal(host.kernel)
    record = host.ledger.read(POD.uid)
    assert record is not None
    if not failed:  # the failing call was one that the worker could do without
        assert (record.phase, host.gate.opened()) == (Phase.ATTACHED, frozenset({CLAIM.uid}))
        worker.detach(box, host.call())
    assert host.kernel.host_facts() == host.before
    assert host.kernel.links_at(host.path("sandbox-1")) == ()
    assert (host.kernel.open_handles, host.gate.opened()) == (0, frozenset())
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert (record.phase, record.sandbox, record.netns) == (Phase.PREPARED, None, None)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(ATTACH_CALLS))
def test_an_attach_that_failed_at_any_call_succeeds_when_tried_again(number: int, moment: str) -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    inject(host.kernel, moment, number)
    with suppress(Failure):
        worker.attach(host.sandbox(), host.call())
    heal(host.kernel)
    attached = worker.attach(host.sandbox(), host.call())
    assert [device.interface for device in attached.devices] == ["net1", "net2"]
    assert host.gate.interfaces == {CLAIM.uid: ("net1", "net2")}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(DETACH_CALLS))
def test_a_detach_restores_the_host_although_one_call_fails(number: int, moment: str) -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)
    inject(host.kernel, moment, number)
    detached = worker.detach(host.sandbox(), host.call())
    heal(host.kernel)
    assert detached.lost == ()
    assert host.kernel.host_facts() == host.before
    assert (host.kernel.open_handles, host.gate.opened()) == (0, frozenset())


def test_a_device_that_cannot_leave_the_pod_keeps_the_namespace_open_and_is_tried_again() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)

    def fail(call: str) -> None:
        if call == "move":
            raise Failure(Code.KERNEL, call, "Device or resource busy")

    host.kernel.before_call = fail
    detached = worker.detach(host.sandbox(), host.call())
    assert len(detached.lost) == 2
    assert all("busy" in reason for reason in detached.lost)
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert (record.phase, record.sandbox) == (Phase.DETACHING, "sandbox-1")
    host.kernel.kill_namespace(host.path("sandbox-1"))
    assert host.kernel.open_handles == 1
    with pytest.raises(Failure):
        worker.unprepare(CLAIM.uid, host.call())
    heal(host.kernel)
    worker.unprepare(CLAIM.uid, host.call())
    assert host.kernel.host_facts() == host.before
    assert (host.kernel.open_handles, host.ledger.records()) == (0, ())


@pytest.mark.parametrize("write", [0, 1])
def test_a_ledger_that_cannot_be_written_fails_the_attach_and_undoes_it(
    write: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    box = host.sandbox()
    real, fail = host.ledger.write, FailAt(write)

    def full(record: object) -> None:
        fail("write")
        real(record)  # type: ignore[arg-type]

    monkeypatch.setattr(host.ledger, "write", full)
    with pytest.raises(Failure):
        worker.attach(box, host.call())
    assert host.kernel.host_facts() == host.before
    assert (host.kernel.open_handles, host.gate.opened()) == (0, frozenset())


def test_a_gate_that_does_not_open_fails_the_attach_and_undoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())

    def stuck(claim: object, interfaces: object, nodes: object = ()) -> None:
        raise Failure(Code.UNAVAILABLE, "/var/run/cdi", "Read-only file system")

    monkeypatch.setattr(host.gate, "open", stuck)
    with pytest.raises(Failure, match="Read-only"):
        worker.attach(host.sandbox(), host.call())
    assert host.kernel.host_facts() == host.before
    assert host.kernel.open_handles == 0


def test_a_defect_of_ours_undoes_the_attach_too() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    box = host.sandbox()
    fail = FailAt(0)

    def defect(call: str) -> None:
        if call == "add_address":
            try:
                fail(call)
            except Failure:
                raise KeyError("oops") from None

    host.kernel.before_call = defect
    with pytest.raises(Failure, match="oops") as caught:
        worker.attach(box, host.call())
    assert caught.value.code is Code.INTERNAL
    assert host.kernel.host_facts() == host.before
    assert host.kernel.open_handles == 0


def test_time_that_runs_out_at_any_step_undoes_everything() -> None:
    for steps in range(1, 14):
        host = make_host()
        worker = host.worker()
        worker.prepare(host.plan(), host.call())
        box, left = host.sandbox(), [steps]

        def tick(call: str, host: Host = host, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                host.clock.advance(60)

        host.kernel.before_call = tick
        with pytest.raises(Failure) as caught:
            worker.attach(box, host.call(seconds=30))
        assert caught.value.code is Code.DEADLINE
        host.kernel.before_call = lambda call: None
        assert host.kernel.host_facts() == host.before
        assert host.kernel.open_handles == 0
