"""A node for tests of the runtime's hooks: the hooks as ``knd nri`` puts them together, on a fake dataplane."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.services.attaching import Attacher
from agent.services.backoff import Backoff
from agent.services.live import Live
from agent.services.rdma import RdmaFiles
from agent.services.reconciling import Reconciler
from agent.services.sandboxes import Sandboxes
from ports.dataplane import Call
from ports.devices import DeviceNode
from ports.frontends import Outcome, Refusal
from ports.inbound import Container, PodSandbox
from ports.ledger import PodRecord
from ports.plan import Plan, PodRef
from tests.support.clock import FakeClock
from tests.support.dataplane import FakeDataplane, FakeHost
from tests.support.ledger import MemoryLedger
from tests.support.plans import claim_ref, plan, pod_ref
from tests.support.tracer import KeepingTracer

LIMIT = 1.7


class FixedFiles:
    """``DeviceFiles`` as a test arranges them, by RDMA device."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[DeviceNode, ...]] = {}

    def nodes(self, name: str) -> tuple[DeviceNode, ...]:
        return self.known.get(name, ())


class FixedCgroups:
    """``Cgroups`` of a node with these controllers."""

    def __init__(self, *controllers: str) -> None:
        self.known = frozenset(controllers)

    def controllers(self) -> frozenset[str]:
        return self.known


class Node:
    """The hooks and everything around them, in memory, on a clock that the test moves."""

    def __init__(self, dataplane: FakeDataplane | None = None, ledger: MemoryLedger | None = None) -> None:
        self.clock = FakeClock()
        self.ledger = ledger or MemoryLedger()
        self.dataplane = dataplane or FakeDataplane(
            self.clock, FakeHost.with_cards("ens1", "ens2", "ens3"), self.ledger
        )
        self.host = self.dataplane.host
        self.tracer = KeepingTracer()
        self.outcomes: list[Outcome] = []
        self.refusals: list[Refusal] = []
        self.said: list[str] = []
        self.live = Live()
        self.files = FixedFiles()
        self.attacher = Attacher(self.dataplane, self.outcomes.append, self.tracer, self.clock)
        self.reconciler = Reconciler(
            self.dataplane, self.ledger, self.live, self.attacher, self.clock, Backoff(first=0.01, limit=0.02)
        )
        self.hooks = Sandboxes(
            ledger=self.ledger,
            attacher=self.attacher,
            live=self.live,
            reconciler=self.reconciler,
            rdma=RdmaFiles(files=self.files, cgroups=FixedCgroups("rdma"), by_cdi=True),
            refused=self.refusals.append,
            says=self.said.append,
        )
        self._ids = itertools.count(1)

    def prepare(
        self, *ifindexes: int, pod: PodRef | None = None, claim: str = "nics", names: tuple[str, ...] = ("net1", "net2")
    ) -> Plan:
        """Let the DRA side prepare a claim of the pod with these cards (3, 4 and 5 are there)."""
        made = plan(*(self.host.facts[index] for index in ifindexes), pod=pod, claim=claim_ref(claim), names=names)
        self.dataplane.prepare(made, self.call())
        self.dataplane.calls.clear()
        return made

    def call(self) -> Call:
        """A call with time left."""
        return Call(key=f"test-{next(self._ids)}", deadline=self.clock.monotonic() + 30)

    def sandbox(self, id: str = "s1", pod: PodRef | None = None, host_network: bool = False) -> PodSandbox:
        """A sandbox with a namespace of its own."""
        path = f"/var/run/netns/{id}"
        self.host.namespaces.add(path)
        return PodSandbox(id=id, pod=pod or pod_ref(), netns=None if host_network else path, pid=4711)

    def run(self, sandbox: PodSandbox) -> None:
        """RunPodSandbox."""
        self.hooks.run_pod_sandbox(sandbox, self.clock.monotonic() + LIMIT)

    def create(self, sandbox: PodSandbox, *env: str) -> None:
        """CreateContainer."""
        container = Container(id="c1", sandbox_id=sandbox.id, name="app", env=env)
        self.hooks.create_container(sandbox, container, self.clock.monotonic() + LIMIT)

    def stop(self, sandbox: PodSandbox) -> None:
        """StopPodSandbox."""
        self.hooks.stop_pod_sandbox(sandbox, self.clock.monotonic() + LIMIT)

    def record(self, pod: PodRef | None = None) -> PodRecord:
        """The pod's ledger record, which is there."""
        record = self.ledger.read((pod or pod_ref()).uid)
        assert record is not None
        return record

    def held(self) -> list[tuple[str, str]]:
        """Which sandbox holds which device."""
        return [(each.sandbox, each.device) for each in self.dataplane.held(self.call())]

    @contextmanager
    def reconciling(self) -> Iterator[None]:
        """The reconciler's loop in a thread, as in the process."""
        thread = threading.Thread(target=self.reconciler.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.reconciler.stop()
            thread.join(10)
        assert not thread.is_alive()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it becomes true within so many seconds of the real clock."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        pause.wait(0.01)
    return condition()
