"""The real worker, and the real planning, on the guest's own namespace.

Here that namespace is the host, so the kernel gives back to it the cards of a pod that ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

from adapters.bpf.control import BpfPrograms
from adapters.clock.host import HostClock
from adapters.ethtool.control import EthtoolOffloads
from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from agent.domain.claims import Allocated, Configured
from agent.domain.planning import plan
from dataplane.worker import Worker
from ports.controls import Machine
from ports.dataplane import Call, Preparing, Sandbox
from ports.devices import LinkFacts
from ports.netconfig import decode
from ports.plan import ClaimRef, Plan, PodRef
from ports.results import Attached
from tests.support.gate import MemoryGate
from tests.support.ledger import MemoryLedger
from tests.support.plans import claim_ref, pod_ref
from tests.vm.scenarios.pods import Pod

Parameters = Mapping[str, Any]
AS_ON_THE_HOST: Parameters = {"interface": {"name": "net1"}}
SECONDS = 240.0  # for one command: the processor is emulated


class Host:
    """A worker, and the host's interfaces by name."""

    def __init__(self) -> None:
        self.kernel = NetlinkKernel(timeout=60.0)
        self.clock = HostClock()
        self.ledger = MemoryLedger()
        self.gate = MemoryGate()
        self.worker = self._started()

    def facts(self, *names: str, by: Preparing | None = None) -> tuple[LinkFacts, ...]:
        """All that the host has of these interfaces now; ``by`` another dataplane than the one in here."""
        found = [self.kernel.host.find(name) for name in names]
        identities = tuple(link.identity for link in found if link is not None)
        assert len(identities) == len(names), f"of {names} the host has only {identities}"
        return (by or self.worker).inspect(identities, self.call())

    def call(self) -> Call:
        """A command of its own."""
        return Call(key=os.urandom(8).hex(), deadline=self.clock.monotonic() + SECONDS)

    def give(self, pod: Pod, name: str, parameters: Parameters = AS_ON_THE_HOST) -> Attached:
        """Attach an interface as a claim with these parameters asks for it."""
        self.worker.prepare(planned(pod, self.facts(name)[0], parameters), self.call())
        return self.worker.attach(sandbox(pod), self.call())

    def take_back(self, pod: Pod) -> tuple[str, ...]:
        """Detach; what was lost."""
        return self.worker.detach(sandbox(pod), self.call()).lost

    def is_as(self, *before: LinkFacts, by: Preparing | None = None) -> bool:
        """Whether the host has these interfaces as they were; all that is not so is printed."""
        now = self.facts(*(facts.link.name for facts in before), by=by)
        found = [each for was, this in zip(before, now, strict=True) for each in differences(was, this)]
        print(*found, sep="\n")
        return not found

    def restart(self) -> None:
        """Another worker on the same ledger, as after ``kill -9``."""
        self.die()
        self.worker = self._started()

    def die(self) -> None:
        """End the worker: the kernel closes what it held open."""
        for held in self.worker.namespaces.held():
            self.worker.namespaces.leave(held)

    def close(self) -> None:
        """End everything."""
        self.die()
        self.kernel.close()

    def _started(self) -> Worker:
        machine = Machine(kernel=self.kernel, offloads=EthtoolOffloads(), programs=BpfPrograms(), rdma=NetlinkRdma())
        worker = Worker(machine, self.ledger, self.gate, self.clock)
        worker.recover()
        return worker


def owner(pod: Pod) -> tuple[ClaimRef, PodRef]:
    """The claim and the pod that the namespace is of."""
    return claim_ref(pod.name), pod_ref(pod.name)


def sandbox(pod: Pod) -> Sandbox:
    """The pod's, as the runtime tells of it."""
    return Sandbox(id=f"sandbox-{pod.name}", pod_uid=owner(pod)[1].uid, netns=pod.path)


def planned(pod: Pod, facts: LinkFacts, parameters: Parameters = AS_ON_THE_HOST) -> Plan:
    """The plan for the pod's claim, which has this one interface with these parameters."""
    allocated = Allocated(request="nic", pool="vm", device=facts.link.name)
    configured = Configured(allocated=allocated, config=decode(parameters))
    claim, reference = owner(pod)
    return plan(claim, reference, (configured,), {allocated.device: facts})


def differences(before: LinkFacts, now: LinkFacts) -> Iterator[str]:
    """What of an interface is other than it was. Its carrier is left out, and what drivers tell only while there is one."""
    told = [{setting.name for setting in facts.offloads.settings} for facts in (before, now)]
    before, now = (_steady(facts, frozenset.intersection(*map(frozenset, told))) for facts in (before, now))
    for field in fields(LinkFacts):
        was, this = getattr(before, field.name), getattr(now, field.name)
        if was != this:
            yield f"{field.name}: {was} -> {this}"


def _steady(facts: LinkFacts, names: frozenset[str]) -> LinkFacts:
    settings = tuple(setting for setting in facts.offloads.settings if setting.name in names)
    offloads = replace(facts.offloads, settings=settings)
    return replace(facts, link=replace(facts.link, operstate=""), offloads=offloads)


@contextmanager
def worker_host() -> Iterator[Host]:
    """A host whose worker is gone afterwards."""
    made = Host()
    try:
        yield made
    finally:
        made.close()
