"""The real worker on the guest's own namespace: here that is the host, so that the kernel gives cards back to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import count

from adapters.clock.host import HostClock
from adapters.netlink.kernel import NetlinkKernel
from dataplane.worker import Worker
from ports.controls import Machine
from ports.dataplane import Call, Sandbox
from ports.devices import LinkFacts
from ports.plan import Plan
from tests.support.gate import MemoryGate
from tests.support.ledger import MemoryLedger
from tests.support.plans import plan, pod_ref
from tests.vm.scenarios.pods import Pod

POD = pod_ref("web")
_NUMBERS = count(1)


class Host:
    """A worker, and the host's interfaces by name."""

    def __init__(self) -> None:
        self.kernel = NetlinkKernel(timeout=60.0)
        self.clock = HostClock()
        self.ledger = MemoryLedger()
        self.gate = MemoryGate()
        self.worker = self._started()

    def facts(self, *names: str) -> tuple[LinkFacts, ...]:
        """What the host has of these interfaces now."""
        return tuple(self.kernel.host.facts(self.index(name)) for name in names)

    def index(self, name: str) -> int:
        """The index of an interface that is in the host."""
        found = self.kernel.host.find(name)
        assert found is not None, f"{name} is not in the host"
        return found.identity.ifindex

    def call(self) -> Call:
        """A command of its own, with time enough for an emulated processor."""
        return Call(key=f"vm-{next(_NUMBERS)}", deadline=self.clock.monotonic() + 240)

    def sandbox(self, pod: Pod) -> Sandbox:
        """The pod's."""
        return Sandbox(id=pod.name, pod_uid=POD.uid, netns=pod.path)

    def attach(self, pod: Pod, wanted: Plan) -> None:
        """Prepare and attach."""
        self.worker.prepare(wanted, self.call())
        self.worker.attach(self.sandbox(pod), self.call())

    def give(self, pod: Pod, *names: str) -> tuple[LinkFacts, ...]:
        """Attach these interfaces as net1, net2 ..., and tell how they were."""
        before = self.facts(*names)
        self.attach(pod, plan(*before, pod=POD))
        return before

    def take_back(self, pod: Pod) -> None:
        """Detach; nothing may be lost."""
        assert self.worker.detach(self.sandbox(pod), self.call()).lost == ()

    def is_as(self, *before: LinkFacts) -> bool:
        """Whether the host has these interfaces as they were, once their drivers have told the state of the link."""
        end = self.clock.monotonic() + 60
        names = tuple(facts.link.name for facts in before)
        while (now := self.facts(*names)) != before and self.clock.monotonic() < end:
            self.clock.sleep(0.2)
        for was, this in zip(before, now, strict=True):
            print(*differences(was, this), sep="\n")
        return now == before

    def restart(self) -> None:
        """Another worker on the same ledger, as after ``kill -9``."""
        self.die()
        self.worker = self._started()

    def close(self) -> None:
        """End everything."""
        self.die()
        self.kernel.close()

    def die(self) -> None:
        """End the worker: the kernel closes what it held open."""
        for sandbox in self.worker.namespaces.held():
            self.worker.namespaces.leave(sandbox)

    def _started(self) -> Worker:
        worker = Worker(Machine(kernel=self.kernel), self.ledger, self.gate, self.clock)
        worker.recover()
        return worker


def differences(before: LinkFacts, now: LinkFacts) -> Iterator[str]:
    """What a failed test shows."""
    for field in fields(LinkFacts):
        if getattr(before, field.name) != getattr(now, field.name):
            yield f"{field.name}: {getattr(before, field.name)} -> {getattr(now, field.name)}"


@contextmanager
def worker_host() -> Iterator[Host]:
    """A host whose worker is gone afterwards."""
    made = Host()
    try:
        yield made
    finally:
        made.close()
