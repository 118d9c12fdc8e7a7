"""Devices in pods: what is told of them, when it is told, and that looking never gets in anybody's way."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from dataplane.vitals import AUDIT, PATIENCE, HeldVitals
from dataplane.worker import Worker
from ports.controls import Machine
from ports.devices import Link
from ports.errors import Code, Failure
from ports.heldfeed import EVERY, HeldState
from ports.ledger import Phase
from ports.vitals import Vitals
from tests.contracts.heldevents.fake import FakeHeldEvents
from tests.contracts.rdma.fake import FakeRdma
from tests.dataplane.bench import CLAIM, POD, Host, make_host
from tests.support.eventually import eventually
from tests.support.ledger import MemoryLedger

SANDBOX = "sandbox-1"
WELL = Vitals(up=True, carrier=True)


class Errors:
    """PCI errors by address."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, ...]] = {}

    def of(self, pci_address: str) -> tuple[int, ...]:
        return self.counts.get(pci_address, ())


class Watched:
    """A worker whose pods are looked at by hand."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.states: list[HeldState] = []
        self.errors = Errors()
        self.rdma = FakeRdma(host.kernel.host)
        self.events = FakeHeldEvents()
        host.machine = Machine(kernel=host.kernel, rdma=self.rdma, errors=self.errors)
        self.worker = Worker(host.machine, host.ledger, host.gate, host.clock)
        self.vitals: HeldVitals = self.worker.vitals(self.events, self)
        self.worker.recover()

    def publish(self, state: HeldState) -> None:
        self.states.append(state)

    def look(self) -> dict[str, Vitals | None]:
        """What is told after a look at what was touched."""
        self.vitals.look(self.events.wait(0))
        return {device.device: device.vitals for device in self.states[-1].devices}

    def pod_link(self, name: str) -> Link:
        return next(link for link in self.host.kernel.links_at(self.host.path(SANDBOX)) if link.name == name)


@pytest.fixture
def watched() -> Watched:
    return Watched(make_host())


def test_a_device_in_a_pod_is_told_with_its_claim_and_pod(watched: Watched) -> None:
    assert watched.look() == {}
    watched.host.attached(watched.worker, watched.host.card)
    assert watched.look() == {"ens1": WELL}
    (device,) = watched.states[-1].devices
    assert (device.claim, device.pod) == (CLAIM, POD)
    assert watched.events.listening.keys() == {SANDBOX}


def test_a_pod_that_cannot_be_listened_to_is_looked_at_in_its_turn(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Failure(Code.UNAVAILABLE, "the events", "no more of them")

    monkeypatch.setattr(watched.events, "listen", full)
    watched.host.attached(watched.worker, watched.host.card)
    assert watched.look() == {"ens1": WELL}
    watched.host.clock.advance(AUDIT)
    assert watched.look() == {"ens1": WELL}


def test_nothing_is_told_again_but_a_sign_of_life(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.look()
    told = len(watched.states)
    watched.events.touch(SANDBOX)
    watched.look()
    assert len(watched.states) == told
    watched.host.clock.advance(AUDIT)
    watched.look()
    assert len(watched.states) == told + 1
    assert watched.states[-1].devices == watched.states[-2].devices
    assert watched.states[-1].beat > watched.states[-2].beat


def test_what_a_pod_does_to_its_link_is_told(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.look()
    pod = watched.worker.namespaces.at(SANDBOX)
    assert pod is not None
    pod.set_up(watched.pod_link("net1").identity.ifindex, False)
    watched.events.happen(pod.cookie)
    assert watched.look() == {"ens1": Vitals(up=False, carrier=False)}


def test_a_device_that_left_its_pod_is_told_as_gone(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.look()
    watched.host.kernel.remove_link(watched.pod_link("net1").identity.ifindex, watched.host.path(SANDBOX))
    watched.events.touch(SANDBOX)
    assert watched.look() == {"ens1": None}


def test_pci_errors_and_idle_rdma_ports_are_told(watched: Watched) -> None:
    rdma = watched.rdma.add("mlx5_0", watched.host.card)
    watched.host.attached(watched.worker, watched.host.card)
    assert watched.look()["ens1"] == WELL
    watched.rdma.cards[0].state = "down"
    watched.errors.counts["0000:3b:00.1"] = (0, 4)
    watched.events.touch(EVERY)
    assert watched.look()["ens1"] == replace(WELL, idle_ports=(f"{rdma.name} port 1 is down",), errors=(0, 4))


def test_a_device_that_came_home_is_told_no_more_and_nothing_is_subscribed_to(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.look()
    watched.worker.detach(watched.host.sandbox(), watched.host.call())
    assert watched.look() == {}
    assert watched.events.listening == {}
    assert watched.worker.namespaces.pods() == {}


def test_a_pod_under_way_is_told_as_such_until_it_is_attached(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    record = watched.host.ledger.read(POD.uid)
    assert record is not None
    watched.host.ledger.write(replace(record, phase=Phase.DETACHING))
    watched.look()
    assert [(each.device, each.under_way) for each in watched.states[-1].devices] == [("ens1", True)]
    assert watched.vitals._due() == {SANDBOX}
    watched.host.ledger.write(record)
    watched.vitals.look(watched.vitals._due())
    assert [(each.vitals, each.under_way) for each in watched.states[-1].devices] == [(WELL, False)]
    assert watched.vitals._due() == frozenset()


def test_a_pod_that_is_under_way_for_long_is_not_looked_at_all_the_time(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    record = watched.host.ledger.read(POD.uid)
    assert record is not None
    watched.host.ledger.write(replace(record, phase=Phase.DETACHING))
    watched.look()
    watched.host.clock.advance(PATIENCE)
    watched.look()
    assert watched.vitals._due() == frozenset()
    assert watched.states[-1].devices[0].under_way


def test_a_namespace_that_is_not_held_is_never_opened_for_a_look(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.host.die(watched.worker)
    handles = watched.host.kernel.open_handles
    watched.events.touch(SANDBOX)
    assert watched.look() == {}
    assert watched.host.kernel.open_handles == handles == 0


def test_a_pod_that_cannot_be_read_is_no_pod_without_devices(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "knd.vitals")
    watched.host.attached(watched.worker, watched.host.card)
    watched.look()
    assert isinstance(watched.host.ledger, MemoryLedger)
    watched.host.ledger.broken[POD.uid] = Failure(Code.CORRUPT, "record", "torn")
    for _ in range(3):
        watched.events.touch(SANDBOX)
        watched.look()
    assert [(each.device, each.under_way) for each in watched.states[-1].devices] == [("ens1", True)]
    assert caplog.text.count("torn") == 1
    del watched.host.ledger.broken[POD.uid]
    watched.vitals.look(watched.vitals._due())
    assert watched.states[-1].devices[0].vitals == WELL


def test_pods_of_an_earlier_process_are_told_of_after_recovery(watched: Watched) -> None:
    watched.host.attached(watched.worker, watched.host.card)
    watched.host.die(watched.worker)
    again = Watched(watched.host)
    assert again.look() == {"ens1": WELL}


def test_it_runs_until_it_is_stopped(watched: Watched) -> None:
    thread = threading.Thread(target=watched.vitals.run, daemon=True)
    thread.start()
    watched.host.attached(watched.worker, watched.host.card)
    eventually(lambda: bool(watched.states and watched.states[-1].devices), 30)
    watched.worker.detach(watched.host.sandbox(), watched.host.call())
    eventually(lambda: not watched.states[-1].devices, 30)
    watched.vitals.stop()
    thread.join(30)
    assert not thread.is_alive()
