"""The DRA frontend's services around fakes, on a clock that moves by itself when somebody waits."""

from __future__ import annotations

from random import Random
from typing import Any

from agent.services.configuration import Configuration
from agent.services.ended import Ended
from agent.services.grants import GrantBook
from agent.services.inventories import Inventories
from agent.services.lease_book import LeaseBook
from agent.services.leases import Leases
from agent.services.notices import Notices
from agent.services.orphans import Orphans
from agent.services.preparing import Preparation
from agent.services.profiles import Profiles
from agent.services.releases import Releases
from agent.services.renewing import Renewing
from agent.services.resources import Resources
from agent.services.speaking import Speaker
from agent.services.tending import Tending
from ports.cluster import Json, Notice
from ports.dataplane import Call
from ports.devices import Device, Inventory
from ports.dhcp import Leasing
from ports.errors import Code, Failure
from ports.frontends import Outcome, RuntimeState
from ports.netconfig import NetworkConfig
from ports.outbox import Holding
from ports.plan import ClaimRef
from ports.profiles import Grants, Wish
from ports.telemetry import Span
from tests.contracts.cluster.fake import FakeCluster
from tests.support.clock import FakeClock
from tests.support.dataplane import FakeDataplane, FakeHost
from tests.support.dhcp.channels import FakeChannels
from tests.support.shelf import MemoryShelf

NODE, DRIVER = "node1", "dra.net"
CLAIM = ClaimRef(namespace="team", name="net", uid="claim-uid")


class FakeRuntimeLink:
    """The NRI frontend's answer, or its absence."""

    def __init__(self) -> None:
        self.connected = True
        self.away: list[Failure] = []
        self.asked = 0
        self.compared = 0

    def compare(self, call: Call) -> None:
        self.compared += 1

    def state(self, call: Call) -> RuntimeState:
        self.asked += 1
        if self.away:
            raise self.away.pop(0)
        return RuntimeState(connected=self.connected, detail="" if self.connected else "no socket")


class FakeTracer:
    """Keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[tuple[Span, str]] = []
        self.started = 0

    def start(self) -> str:
        self.started += 1
        return f"00-{self.started:032x}-{1:016x}-01"

    def record(self, span: Span, traceparent: str) -> None:
        self.spans.append((span, traceparent))


class FakeMeter:
    """Counts."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], int] = {}
        self.values: dict[str, float] = {}

    def count(self, name: str, **labels: str) -> None:
        key = (name, *(str(labels[label]) for label in sorted(labels)))
        self.counts[key] = self.counts.get(key, 0) + 1

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        self.count(name, **labels)

    def show(self, name: str, value: float, **labels: str) -> None:
        self.values[name + "".join(f"{{{label}={labels[label]}}}" for label in labels)] = value


class KeptNotices(Notices):
    """Notices that nobody tells on."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.kept: list[Notice] = []

    def put(self, notice: Notice) -> None:
        self.kept.append(notice)


class FakeProfileProvider:
    """Gives as a test arranges it, and keeps what it gave and has back, by claim UID and device."""

    def __init__(self) -> None:
        self.gives: dict[str, NetworkConfig] = {}
        self.refusals: list[Failure] = []
        self.given: dict[tuple[str, str], NetworkConfig] = {}
        self.asked: list[tuple[str, NetworkConfig]] = []
        self.back: list[tuple[str, str]] = []

    def grant(self, claim: ClaimRef, body: Json, wish: Wish, seconds: float) -> NetworkConfig:
        self.asked.append((wish.ids.device, wish.config))
        answer = self.gives.get(wish.profile)
        if self.refusals:
            raise self.refusals.pop(0)
        if answer is None:
            raise Failure(Code.NOT_FOUND, wish.profile, "no such profile")
        self.given[claim.uid, wish.ids.device] = answer
        return answer

    def release(self, claim: ClaimRef, wish: Wish, seconds: float) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.given.pop((claim.uid, wish.ids.device), None)
        self.back.append((claim.uid, wish.ids.device))


class Bench:
    """Everything that Prepare needs, with two cards that the inventory knows."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(NODE, DRIVER)
        self.host = FakeHost.with_cards("ens1", "ens2")
        self.dataplane = FakeDataplane(self.clock, self.host)
        self.runtime = FakeRuntimeLink()
        self.shelf: MemoryShelf[Holding] = MemoryShelf()
        self.inventories = Inventories(self.shelf)
        self.notices = KeptNotices()
        self.tracer = FakeTracer()
        self.meter = FakeMeter()
        self.ended: list[Outcome] = []
        self.platform: dict[str, NetworkConfig] = {}
        self.profiles = FakeProfileProvider()
        self.grants: MemoryShelf[Grants] = MemoryShelf()
        self.channels = FakeChannels(self.clock)
        self.leasings: MemoryShelf[Leasing] = MemoryShelf()
        self.resources = self.restarted()
        self.show("ens1", "ens2")

    def restarted(self) -> Resources:
        """The service as it is after a restart of its process: it remembers nothing."""
        book = GrantBook(self.grants)
        over = Ended(driver=DRIVER, node=NODE, cluster=self.cluster, dataplane=self.dataplane, clock=self.clock)
        self.orphans = Orphans(book=book, over=over, clock=self.clock, meter=self.meter)
        self.releases = Releases(
            provider=self.profiles,
            book=book,
            orphans=self.orphans,
            notices=self.notices,
            clock=self.clock,
            meter=self.meter,
        )
        configuration = Configuration(
            driver=DRIVER,
            node=NODE,
            inventories=self.inventories,
            platform=self.platform.get,
            profiles=Profiles(provider=self.profiles, book=book, clock=self.clock, meter=self.meter),
            clock=self.clock,
        )
        leases_book = LeaseBook(self.leasings, self.clock)
        speaker = Speaker(channels=self.channels, clock=self.clock, meter=self.meter, dice=Random(1))
        self.leases = Leases(speaker, leases_book, self.clock)
        tending = Tending(
            speaker=speaker,
            book=leases_book,
            dataplane=self.dataplane,
            holds=self.inventories.holds,
            notices=self.notices,
            clock=self.clock,
        )
        tending.tell(self.ended.append)
        self.renewing = Renewing(
            tending=tending, book=leases_book, clock=self.clock, meter=self.meter, begin=lambda work: work()
        )
        self.preparation = Preparation(
            driver=DRIVER,
            node=NODE,
            cluster=self.cluster,
            dataplane=self.dataplane,
            runtime=self.runtime,
            inventories=self.inventories,
            configuration=configuration,
            leases=self.leases,
            clock=self.clock,
        )
        self.resources = Resources(
            driver=DRIVER,
            preparation=self.preparation,
            notices=self.notices,
            clock=self.clock,
            tracer=self.tracer,
            meter=self.meter,
            ended=self.ended.append,
        )
        return self.resources

    def show(self, *names: str) -> None:
        """The watcher sees these cards of the host, and no others."""
        found = {facts.link.name: facts.link for facts in self.host.facts.values()}
        devices = tuple(Device(name=name, identity=found[name].identity, interface=name) for name in names)
        self.inventories.put(Inventory(generation=1, devices=devices))

    @property
    def deadline(self) -> float:
        """As the kubelet gives it."""
        return self.clock.monotonic() + 45.0

    def claim(self, *devices: str, ref: ClaimRef = CLAIM, pod: str = "pod-uid", **status: Any) -> None:
        """The scheduler has allocated these devices to the claim."""
        results = [
            {"request": f"r{index}", "driver": DRIVER, "pool": NODE, "device": name}
            for index, name in enumerate(devices)
        ]
        self.cluster.put_claim(
            {
                "metadata": {"namespace": ref.namespace, "name": ref.name, "uid": ref.uid},
                "status": {
                    "allocation": {"devices": {"results": results, "config": status.pop("config", [])}},
                    "reservedFor": [{"resource": "pods", "name": "app", "uid": pod}],
                    **status,
                },
            }
        )

    def prepare(self, ref: ClaimRef = CLAIM) -> str:
        """The kubelet asks; the error it gets."""
        (answer,) = self.resources.prepare((ref,), self.deadline)
        return answer.error

    def unprepare(self, ref: ClaimRef = CLAIM) -> str:
        """The kubelet gives the claim back; the error it gets."""
        (answer,) = self.resources.unprepare((ref,), self.deadline)
        return answer.error


def opaque(**parameters: Any) -> dict[str, Any]:
    """A configuration entry of a claim."""
    return {"source": "FromClaim", "opaque": {"driver": DRIVER, "parameters": parameters}}
