"""A model host that has everything a host can have on an interface, and a plan with every kind of step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dataplane.facts import host_facts
from ports.controls import Machine
from ports.devices import (
    Address,
    LinkFacts,
    Neighbour,
    Offloads,
    RdmaLink,
    Route,
    Rule,
    Switch,
    Sysctl,
    Tuning,
)
from ports.ledger import Ledger
from ports.plan import (
    AddAddress,
    AddAlternativeName,
    AddNeighbour,
    AddRoute,
    AddRule,
    Announce,
    DevicePlan,
    JoinVrf,
    Move,
    MoveRdma,
    Plan,
    Release,
    RemovePrograms,
    Rename,
    SetMac,
    SetMtu,
    SetOffloads,
    SetSysctl,
    SetUp,
    Step,
    Tune,
)
from ports.queueing import INGRESS, ROOT, Filter, Queue, Queueing, TrafficClass
from tests.contracts.offloads.fake import FakeOffloads
from tests.contracts.programs.fake import FakePrograms
from tests.contracts.rdma.fake import FakeRdma
from tests.dataplane.bench import CLAIM, POD, Host, make_host
from tests.support.plans import TRACEPARENT

TABLE = 77
QUEUEING = Queueing(
    queues=(Queue(type="htb", handle=0x10000, parent=ROOT), Queue(type="clsact", handle=0xFFFF0000, parent=INGRESS)),
    classes=(TrafficClass(type="htb", handle=0x10001, parent=ROOT),),
    filters=(Filter(type="matchall", parent=0x10000, priority=9, protocol=3, handle=1),),
)


@dataclass
class FullHost(Host):
    """The model host with all controls; what each of them is asked counts as a call of the kernel."""

    offloads: FakeOffloads = field(init=False)
    programs: FakePrograms = field(init=False)
    rdma: FakeRdma = field(init=False)
    furnished: dict[str, LinkFacts] = field(init=False)

    def __post_init__(self) -> None:
        self.offloads = FakeOffloads(self.kernel)
        self.programs = FakePrograms(self.kernel)
        self.rdma = FakeRdma(self.kernel.host, exclusive=True)
        self.rdma.before_call, self.rdma.after_call = self._before_rdma, self._after_rdma
        self.machine = Machine(kernel=self.kernel, offloads=self.offloads, programs=self.programs, rdma=self.rdma)
        _furnish(self)
        self.before = self.kernel.host_facts()
        self.furnished = self.all_facts()

    def all_facts(self) -> dict[str, LinkFacts]:
        """Everything about the host's interfaces, by name."""
        links = [link.identity for link in self.kernel.host.links()]
        return {facts.link.name: _in_order(facts) for facts in (host_facts(self.machine, each) for each in links)}

    def full_plan(self) -> Plan:
        """The plain steps for the second card, every kind of step for the first."""
        one, other = (host_facts(self.machine, link.identity) for link in (self.card, self.other))
        devices = (_device(other, tuple(_plain_steps(other)), "plain"), _device(one, tuple(_every_step(one)), "nic"))
        return Plan(claim=CLAIM, pod=POD, devices=devices, traceparent=TRACEPARENT)

    def end(self, sandbox: str) -> None:
        """The runtime takes the namespace away; RDMA devices go home with the interfaces."""
        opened = self.kernel.open(self.path(sandbox))
        cookie = opened.cookie
        opened.close()
        self.kernel.kill_namespace(self.path(sandbox))
        self.rdma.end_namespace(cookie)

    def _before_rdma(self, call: str) -> None:
        self.kernel.calls.append(f"rdma.{call}")
        self.kernel.before_call(f"rdma.{call}")

    def _after_rdma(self, call: str) -> None:
        self.kernel.after_call(f"rdma.{call}")


def full_host(ledger: Ledger | None = None) -> FullHost:
    """A host with everything."""
    plain = make_host(ledger)
    return FullHost(
        kernel=plain.kernel,
        machine=plain.machine,
        clock=plain.clock,
        gate=plain.gate,
        ledger=plain.ledger,
        card=plain.card,
        other=plain.other,
        veth=plain.veth,
        before=plain.before,
    )


def _in_order(facts: LinkFacts) -> LinkFacts:
    """Routes stand in no order; addresses do."""
    return replace(facts, routes=tuple(sorted(facts.routes, key=str)))


def _furnish(host: FullHost) -> None:
    kernel, index = host.kernel.host, host.card.identity.ifindex
    kernel.add_alternative_name(index, "enp59s0f1")
    kernel.set_alias(index, "to the storage switch")
    kernel.set_group(index, 7)
    kernel.set_queueing(index, QUEUEING)
    kernel.add_address(index, Address(prefix="169.254.7.1/16", label="ens1:0"))
    kernel.set_tuning(index, Tuning(tx_queue_len=2000, gso_max_size=131072))
    kernel.set_sysctl(index, Sysctl(name="ipv4/rp_filter", value="2"))
    kernel.add_route(index, Route(destination="0.0.0.0/1", gateway="192.0.2.254", table=TABLE, protocol=4))
    kernel.add_rule(Rule(family=4, priority=900, table=TABLE, source="192.0.2.1/32", protocol=4))
    kernel.add_neighbour(index, Neighbour(address="192.0.2.254", mac="02:00:00:00:00:fe"))
    host.offloads.give_flags(kernel, index, **{"legacy-rx": False})
    host.offloads.give_settings(kernel, index, **{"rings/rx": 512, "coalesce/rx-usecs": 50, "pause/autoneg": 1})
    host.programs.plant(kernel, index, "xdp", "guard")
    host.programs.plant(kernel, index, "tc-ingress", "count")
    host.programs.plant(kernel, index, "tcx-egress", "shape")
    host.rdma.add("mlx5_0", host.card)


def _device(facts: LinkFacts, steps: tuple[Step, ...], request: str) -> DevicePlan:
    return DevicePlan(request=request, pool="node1", device=facts.link.name, before=facts, steps=steps)


def _every_step(facts: LinkFacts) -> tuple[Step, ...]:
    features = (Switch(name="tx-tcp-segmentation", on=False),)
    flags = (Switch(name="legacy-rx", on=True),)
    return (
        Release(),
        Move(temporary_name="kndfull1"),
        SetMtu(mtu=9000, before=facts.link.mtu),
        SetMac(mac="02:00:5e:00:00:01", before=facts.link.mac),
        Tune(tuning=Tuning(tx_queue_len=100, gso_max_size=65536), before=facts.tuning),
        Rename(name="net1"),
        AddAlternativeName(name="fabric0"),
        SetSysctl(sysctl=Sysctl(name="ipv4/rp_filter", value="0")),
        JoinVrf(name="red", table=100),
        AddAddress(address=Address(prefix="192.0.2.1/24")),
        AddAddress(address=Address(prefix="2001:db8::1/64")),
        SetOffloads(
            offloads=Offloads(features=features, flags=flags),
            before=Offloads(
                features=(Switch(name="tx-tcp-segmentation", on=True),), flags=(Switch(name="legacy-rx", on=False),)
            ),
        ),
        RemovePrograms(),
        SetUp(),
        AddRoute(route=Route(destination="198.51.100.0/24", gateway="192.0.2.254", table=100)),
        AddRule(rule=Rule(family=4, priority=500, table=100, source="192.0.2.1/32")),
        AddNeighbour(neighbour=Neighbour(address="192.0.2.254", mac="02:00:00:00:00:fe")),
        *(MoveRdma(rdma=each) for each in facts.rdma),
        Announce(),
    )


def _plain_steps(facts: LinkFacts) -> tuple[Step, ...]:
    addresses = (AddAddress(address=address) for address in facts.addresses)
    return (Release(), Move(temporary_name="kndfull2"), Rename(name="net2"), *addresses, SetUp())


def rdma_of(host: FullHost) -> RdmaLink:
    """The card's RDMA device."""
    return host.rdma.cards[0].rdma
