"""A worker on a model host for tests that look behind the port: two cards, a veth, an uplink; pods by name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from dataplane.facts import host_facts
from dataplane.worker import Worker
from ports.controls import Machine
from ports.dataplane import Call, Sandbox
from ports.devices import Address, Link, LinkFacts, Route
from ports.ledger import Ledger
from ports.plan import Plan, PodRef
from tests.contracts.kernel.fake import FakeKernel
from tests.support.clock import FakeClock
from tests.support.gate import MemoryGate
from tests.support.ledger import MemoryLedger
from tests.support.plans import claim_ref, plan, pod_ref

POD = pod_ref("web")
CLAIM = claim_ref("nics")
_keys = itertools.count()


class Crash(BaseException):
    """The end of the process, as by kill -9: nothing that catches errors may catch it."""


@dataclass
class Host:
    """The model host before anything is done to it."""

    kernel: FakeKernel
    machine: Machine
    clock: FakeClock
    gate: MemoryGate
    ledger: Ledger
    card: Link
    other: Link
    veth: Link
    before: dict[str, LinkFacts]

    def worker(self) -> Worker:
        """A worker that has recovered."""
        worker = Worker(self.machine, self.ledger, self.gate, self.clock)
        worker.recover()
        return worker

    def call(self, seconds: float = 30.0) -> Call:
        """A command of its own with so much time left."""
        return Call(key=f"key-{next(_keys)}", deadline=self.clock.monotonic() + seconds)

    def plan(
        self, *links: Link, pod: PodRef = POD, name: str = "nics", names: tuple[str, ...] = (), mtu: int | None = 9000
    ) -> Plan:
        """A plan of these devices as the host has them now."""
        facts = tuple(host_facts(self.machine, link.identity) for link in links or (self.card, self.other))
        return plan(*facts, claim=claim_ref(name), pod=pod, mtu=mtu, names=names or ("net1", "net2"))

    def path(self, sandbox: str) -> str:
        """Where a sandbox's namespace is."""
        return f"/var/run/netns/{sandbox}"

    def sandbox(self, name: str = "sandbox-1", pod: PodRef = POD, started: bool = False) -> Sandbox:
        """A sandbox with a namespace of its own, made when first asked for."""
        if self.path(name) not in self.kernel_paths():
            self.kernel.add_namespace(self.path(name))
        return Sandbox(id=name, pod_uid=pod.uid, netns=self.path(name), containers_started=started)

    def kernel_paths(self) -> set[str]:
        """The namespaces there are."""
        return set(self.kernel._nets)

    def attached(self, worker: Worker, *links: Link) -> Plan:
        """Prepare and attach the pod in its first sandbox."""
        made = self.plan(*links)
        worker.prepare(made, self.call())
        worker.attach(self.sandbox(), self.call())
        return made

    def die(self, worker: Worker) -> None:
        """What the kernel does when the worker's process ends: its open namespaces are closed."""
        for sandbox in worker.namespaces.held():
            worker.namespaces.leave(sandbox)


def make_host(ledger: Ledger | None = None) -> Host:
    """A model host."""
    kernel = FakeKernel()
    default = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
    kernel.add_link("uplink0", pci_address="0000:01:00.0", routes=(default,))
    card, other = _card(kernel, 1), _card(kernel, 2)
    veth = kernel.add_link("veth7", mac="02:00:00:00:07:07", addresses=(Address(prefix="198.18.0.7/24"),))
    return Host(
        kernel=kernel,
        machine=Machine(kernel=kernel),
        clock=FakeClock(),
        gate=MemoryGate(),
        ledger=ledger or MemoryLedger(),
        card=card,
        other=other,
        veth=veth,
        before=kernel.host_facts(),
    )


def _card(kernel: FakeKernel, number: int) -> Link:
    return kernel.add_link(
        f"ens{number}",
        pci_address=f"0000:3b:00.{number}",
        permanent_address=f"02:00:00:00:00:0{number}",
        mac=f"02:00:00:00:00:0{number}",
        addresses=(Address(prefix=f"192.0.2.{number}/24"), Address(prefix=f"2001:db8::{number}/64")),
        routes=(Route(destination=f"198.51.{number}.0/24", gateway="192.0.2.254"),),
    )
