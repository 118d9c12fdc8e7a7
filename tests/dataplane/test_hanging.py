"""A call into the kernel that does not come back: it costs the pod that it is for, and nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from dataplane.attaching import ONE_POD
from ports.errors import Code, Failure
from ports.results import Verdict
from tests.dataplane.bench import Host, make_host
from tests.support.eventually import eventually
from tests.support.plans import claim_ref, pod_ref

STUCK, OTHER = pod_ref("stuck"), pod_ref("other")
SHORT = 0.3  # seconds of real time that the fake clock's deadlines leave


class Hang:
    """Lets one kind of call wait until it is let go."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.reached = threading.Event()
        self._over = threading.Event()

    def __call__(self, call: str) -> None:
        if call == self.call and not self._over.is_set():
            self.reached.set()
            assert self._over.wait(60)

    def end(self) -> None:
        self._over.set()


@pytest.fixture
def host() -> Host:
    """Two pods with a card each; only the first one's attach sets an MTU."""
    made = make_host()
    worker = made.worker()
    worker.prepare(made.plan(made.card, pod=STUCK, name="stuck"), made.call())
    mtu = made.plan(made.other, pod=OTHER, name="other", mtu=None)
    worker.prepare(mtu, made.call())
    for pod in (STUCK, OTHER):
        made.sandbox(pod.name, pod)
    return made


@pytest.fixture
def hang(host: Host) -> Iterator[Hang]:
    """Setting an MTU hangs, and does not any more after the test."""
    made = Hang("set_mtu")
    host.kernel.waits = made
    yield made
    made.end()


def deadline_of(act: object) -> Failure:
    with pytest.raises(Failure) as caught:
        act()  # type: ignore[operator]
    assert caught.value.code is Code.DEADLINE
    return caught.value


def test_who_asked_hears_of_it_in_time_and_all_is_undone_when_the_kernel_comes_back(host: Host, hang: Hang) -> None:
    worker = host.worker()
    failure = deadline_of(lambda: worker.attach(host.sandbox("stuck", STUCK), host.call(SHORT)))
    assert "stuck" in failure.subject or STUCK.uid in failure.subject
    assert host.kernel.host_facts() != host.before
    deadline_of(lambda: worker.detach(host.sandbox("stuck", STUCK), host.call(SHORT)))
    host.clock.advance(60)
    hang.end()
    eventually(lambda: host.kernel.host_facts() == host.before)
    eventually(lambda: host.kernel.open_handles == 0)
    assert len(worker.attach(host.sandbox("stuck", STUCK), host.call()).devices) == 1


def test_no_other_pod_waits_for_it(host: Host, hang: Hang) -> None:
    worker = host.worker()
    deadline_of(lambda: worker.attach(host.sandbox("stuck", STUCK), host.call(SHORT)))
    box = host.sandbox("other", OTHER)
    assert len(worker.attach(box, host.call()).devices) == 1
    assert [held.device for held in worker.held(host.call(SHORT))] == ["ens2"]
    worker.prepare(host.plan(host.veth, pod=pod_ref("third"), name="third", mtu=None), host.call())
    worker.detach(box, host.call())
    assert host.kernel.host_facts()["ens2"] == host.before["ens2"]
    assert len(worker.inspect((host.other.identity,), host.call())) == 1


def test_reconcile_tells_of_it_and_settles_all_others(host: Host, hang: Hang) -> None:
    worker = host.worker()
    deadline_of(lambda: worker.attach(host.sandbox("stuck", STUCK), host.call(SHORT)))
    boxes = (host.sandbox("stuck", STUCK), host.sandbox("other", OTHER))
    report = worker.reconcile(boxes, host.call(SHORT))
    verdicts = {finding.pod.name: finding.verdict for finding in report.findings}
    assert verdicts == {"stuck": Verdict.WAITING, "other": Verdict.ATTACHED}


def test_a_reconcile_with_much_time_does_not_spend_it_on_a_pod_that_is_busy(host: Host, hang: Hang) -> None:
    """The frontend's hooks wait for it."""
    worker = host.worker()
    deadline_of(lambda: worker.attach(host.sandbox("stuck", STUCK), host.call(SHORT)))
    begun = time.monotonic()
    worker.reconcile((host.sandbox("stuck", STUCK), host.sandbox("other", OTHER)), host.call(60))
    assert time.monotonic() - begun < ONE_POD


def test_a_start_serves_everybody_else(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataplane.worker.RECOVERY", SHORT)
    worker, hang = host.worker(), Hang("set_mtu")
    worker.attach(host.sandbox("stuck", STUCK), host.call())
    host.die(worker)
    host.kernel.kill_namespace(host.path("stuck"))
    host.kernel.waits = hang
    again = host.worker()  # the card is home and is to get its MTU back
    assert hang.reached.is_set()
    assert len(again.attach(host.sandbox("other", OTHER), host.call()).devices) == 1
    assert host.gate.opened() == {claim_ref("other").uid}
    hang.end()
    eventually(lambda: host.kernel.host_facts().get("ens1") == host.before["ens1"])
