"""The process dies at every kernel call and every ledger write; a new one on the same host must make sense of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from dataplane.worker import Worker
from ports.errors import Code, Failure
from ports.ledger import Phase, PodRecord
from ports.results import Verdict
from tests.dataplane.bench import CLAIM, POD, Crash, Host, make_host
from tests.support.ledger import MemoryLedger

MOMENTS = ("before", "after")
Verb = Callable[[Worker, Host], object]


class Bomb:
    """Goes off at the n-th event, counted from 0, before or after it is done."""

    def __init__(self, number: int, moment: str) -> None:
        self.left = number
        self.moment = moment
        self.gone_off = False

    def before(self, event: str) -> None:
        if self.moment == "before":
            self._tick()

    def after(self, event: str) -> None:
        if self.moment == "after" and event != "open":  # the model has no process whose end closes that handle
            self._tick()

    def _tick(self) -> None:
        self.left -= 1
        if self.left == -1:
            self.gone_off = True
            raise Crash


class BombedLedger(MemoryLedger):
    """Counts writes and removals as events too."""

    bomb: Bomb | None = None

    def write(self, record: PodRecord) -> None:
        """Before or after."""
        self._event(lambda: MemoryLedger.write(self, record))

    def remove(self, pod_uid: str) -> None:
        """Before or after."""
        self._event(lambda: MemoryLedger.remove(self, pod_uid))

    def _event(self, act: Callable[[], None]) -> None:
        if self.bomb:
            self.bomb.before("ledger")
        act()
        if self.bomb:
            self.bomb.after("ledger")


def attach(worker: Worker, host: Host) -> object:
    return worker.attach(host.sandbox(), host.call())


def detach(worker: Worker, host: Host) -> object:
    return worker.detach(host.sandbox(), host.call())


def unprepare(worker: Worker, host: Host) -> object:
    return worker.unprepare(CLAIM.uid, host.call())


def crashed(number: int, moment: str, verb: Verb, attached_first: bool) -> tuple[Host, bool]:
    """The host after the verb's process died at this event, and whether it did at all."""
    ledger = BombedLedger()
    host = make_host(ledger)
    worker = host.worker()
    host.sandbox()
    if attached_first:
        host.attached(worker)
    else:
        worker.prepare(host.plan(), host.call())
    bomb = Bomb(number, moment)
    ledger.bomb, host.kernel.before_call, host.kernel.after_call = bomb, bomb.before, bomb.after
    with suppress(Crash):
        verb(worker, host)
    ledger.bomb = None
    host.kernel.before_call = host.kernel.after_call = lambda call: None
    host.die(worker)
    return host, bomb.gone_off


def all_crashes(verb: Verb, attached_first: bool, moment: str) -> list[Host]:
    """The host after a crash at each event there is."""
    hosts: list[Host] = []
    for number in range(1000):
        host, gone_off = crashed(number, moment, verb, attached_first)
        if not gone_off:
            assert number > 10, "there must be something to crash"
            return hosts
        hosts.append(host)
    raise AssertionError("never comes to an end")


def check_one_outcome(host: Host) -> None:
    """Either all is in the pod and the gate is open, or all is in the host as it was and the gate is closed."""
    record = host.ledger.read(POD.uid)
    in_pod = {link.name for link in host.kernel.links_at(host.path("sandbox-1"))}
    if record is not None and record.phase is Phase.ATTACHED:
        assert in_pod == {"net1", "net2"}
        assert host.gate.interfaces == {CLAIM.uid: ("net1", "net2")}
    else:
        assert in_pod == set()
        assert host.kernel.host_facts() == host.before
        assert host.gate.opened() == frozenset()
        assert record is None or record.phase is Phase.PREPARED


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("verb", "attached_first"), [(attach, False), (detach, True), (unprepare, True)])
def test_a_crash_at_any_moment_has_one_outcome(verb: Verb, attached_first: bool, moment: str) -> None:
    for host in all_crashes(verb, attached_first, moment):
        host.worker()
        check_one_outcome(host)


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_a_crash_in_attach_the_runtime_gets_it_by_asking_again(moment: str) -> None:
    for host in all_crashes(attach, False, moment):
        worker = host.worker()
        attached = worker.attach(host.sandbox(), host.call())
        assert [device.interface for device in attached.devices] == ["net1", "net2"]
        worker.detach(host.sandbox(), host.call())
        assert host.kernel.host_facts() == host.before


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("verb", [detach, unprepare])
def test_a_crash_on_the_way_back_and_the_verb_again_end_with_the_host_as_it_was(verb: Verb, moment: str) -> None:
    for host in all_crashes(verb, True, moment):
        verb(host.worker(), host)
        assert host.kernel.host_facts() == host.before
        assert host.gate.opened() == frozenset()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("verb", "attached_first"), [(attach, False), (detach, True), (unprepare, True)])
def test_hardware_is_home_when_the_namespace_died_while_nobody_was_there(
    verb: Verb, attached_first: bool, moment: str
) -> None:
    for host in all_crashes(verb, attached_first, moment):
        host.kernel.kill_namespace(host.path("sandbox-1"))
        host.worker()
        record = host.ledger.read(POD.uid)
        assert record is None or record.phase is Phase.PREPARED
        assert host.kernel.host_facts() == host.before
        assert (host.gate.opened(), host.kernel.open_handles) == (frozenset(), 0)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_crash_in_recovery_itself_is_recovered_from(moment: str) -> None:
    for number in range(0, 60, 3):
        host, gone_off = crashed(17, moment, attach, False)
        assert gone_off
        bomb = Bomb(number, moment)
        host.kernel.before_call, host.kernel.after_call = bomb.before, bomb.after
        with suppress(Crash):
            host.worker()
        host.kernel.before_call = host.kernel.after_call = lambda call: None
        host.worker()
        check_one_outcome(host)


def test_an_attachment_that_lives_is_held_again_after_a_restart() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)
    host.die(worker)
    assert host.kernel.open_handles == 0
    host.gate.interfaces.clear()
    worker = host.worker()
    assert worker.namespaces.held() == {"sandbox-1"}
    assert host.gate.interfaces == {CLAIM.uid: ("net1", "net2")}
    host.kernel.kill_namespace(host.path("sandbox-1"))  # held: the devices stay where they can be taken from
    worker.detach(host.sandbox(), host.call())
    assert host.kernel.host_facts() == host.before
    assert host.kernel.open_handles == 0


def test_another_namespace_at_the_same_path_is_not_taken_for_the_pods() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)
    host.die(worker)
    host.kernel.kill_namespace(host.path("sandbox-1"))
    host.kernel.add_namespace(host.path("sandbox-1"))
    host.kernel.add_link("net1", namespace=host.path("sandbox-1"), pci_address="0000:ff:00.0")
    host.worker()
    assert [link.name for link in host.kernel.links_at(host.path("sandbox-1"))] == ["net1"]
    assert host.kernel.host_facts() == host.before
    assert host.kernel.open_handles == 0


def test_a_gate_left_open_by_nobodys_claim_is_closed_at_start() -> None:
    host = make_host()
    host.gate.interfaces["of-a-claim-long-gone"] = ("net9",)
    host.worker()
    assert host.gate.opened() == frozenset()


def out_of_files(call: str) -> None:
    if call == "open":
        raise Failure(Code.KERNEL, call, "Too many open files")


def test_reconcile_ends_what_recovery_could_not() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)
    host.die(worker)
    host.kernel.before_call = out_of_files
    worker = host.worker()
    assert host.gate.opened() == frozenset()
    host.kernel.before_call = lambda call: None
    report = worker.reconcile((host.sandbox(started=True),), host.call())
    assert [finding.verdict for finding in report.findings] == [Verdict.ADOPTED]
    assert host.gate.opened() == {CLAIM.uid}
