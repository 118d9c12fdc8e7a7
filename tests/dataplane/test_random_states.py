"""Any state of the host, any tampering by the pod, any end of it, on the model: the host has its own again, all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ports.devices import (
    Address,
    Lifetime,
    Metric,
    Neighbour,
    Offloads,
    Route,
    Rule,
    Setting,
    Switch,
    Sysctl,
    Tuning,
)
from ports.queueing import INGRESS, ROOT, Filter, Queue, Queueing, TrafficClass
from ports.sriov import VirtualFunction
from tests.contracts.kernel.fake import FakeNamespace
from tests.dataplane.full_bench import FullHost, full_host

Act = Callable[[FullHost, FakeNamespace, int], object]
IFF_PROMISC, IFF_MULTICAST = 0x100, 0x1000
FUNCTION = VirtualFunction(number=0, mac="02:00:00:00:00:f0", trust=False, spoof_check=True)
LEASE = Lifetime(preferred_until=1e9, valid_until=2e9)
NEXT = "192.0.2.254"


def queue(kind: str, handle: int, parent: int = ROOT) -> Queueing:
    return Queueing(queues=(Queue(type=kind, handle=handle, parent=parent),))


def setting(name: str, value: str) -> Offloads:
    return Offloads(settings=(Setting(name=name, value=value),))


def own_functions(host: FullHost, _space: FakeNamespace, index: int) -> None:
    host.kernel.device(index).functions.extend(replace(FUNCTION, number=number) for number in range(2))


def own_mac(_host: FullHost, pod: FakeNamespace, index: int) -> None:
    pod.set_up(index, False)
    pod.set_mac(index, "02:66:66:66:66:66")


def own_name(_host: FullHost, pod: FakeNamespace, index: int) -> None:
    pod.set_up(index, False)
    pod.rename(index, "mine")


FURNISHINGS: dict[str, Act] = {
    "group": lambda _, host, index: host.set_group(index, 9),
    "alias": lambda _, host, index: host.set_alias(index, "another"),
    "name": lambda _, host, index: host.add_alternative_name(index, "rail7"),
    "mtu": lambda _, host, index: host.set_mtu(index, 4000),
    "queue length": lambda _, host, index: host.set_tuning(index, Tuning(tx_queue_len=77)),
    "multicast": lambda _, host, index: host.set_flags(index, IFF_MULTICAST),
    "promiscuous": lambda _, host, index: host.set_flags(index, IFF_PROMISC),
    "address": lambda _, host, index: host.add_address(index, Address(prefix="10.5.0.1/24", label="ens1:5")),
    "link-local": lambda _, host, index: host.add_address(index, Address(prefix="169.254.9.9/16", scope=253)),
    "lease": lambda _, host, index: host.add_address(index, Address(prefix="10.6.0.1/24", lifetime=LEASE)),
    "route": lambda _, host, index: host.add_route(
        index, Route(destination="10.8.0.0/16", gateway=NEXT, metrics=(Metric(number=8, value=1200),), realm=3)
    ),
    "rule": lambda _, host, index: host.add_rule(Rule(family=4, priority=7, table=77, protocol=4)),
    "neighbour": lambda _, host, index: host.add_neighbour(
        index, Neighbour(address="192.0.2.77", mac="02:00:00:00:00:77")
    ),
    "sysctl": lambda _, host, index: host.set_sysctl(index, Sysctl(name="ipv4/arp_ignore", value="1")),
    "channels": lambda full, host, index: full.offloads.write(host, index, setting("channels/rx", "2")),
    "rings": lambda full, host, index: full.offloads.write(host, index, setting("rings/rx", "2048")),
    "feature": lambda full, host, index: full.offloads.write(
        host, index, Offloads(features=(Switch(name="rx-gro", on=True),))
    ),
    "classes": lambda _, host, index: host.set_queueing(
        index, Queueing(classes=(TrafficClass(type="htb", handle=0x10020, parent=0x10001),))
    ),
    "filter": lambda _, host, index: host.set_queueing(
        index, Queueing(filters=(Filter(type="flower", parent=INGRESS, priority=1, protocol=0x800, handle=1),))
    ),
    "functions": own_functions,
    "captures": lambda full, _, index: full.kernel.capture("ens1"),
    "program": lambda full, host, index: full.programs.plant(host, index, "tcx-ingress", "watch"),
    "down": lambda _, host, index: host.set_up(index, False),
}
TAMPERING: dict[str, Act] = {
    "mac": own_mac,
    "mtu": lambda _, pod, index: pod.set_mtu(index, 100),
    "rename": own_name,
    "name": lambda _, pod, index: pod.add_alternative_name(index, "uplink0"),
    "alias": lambda _, pod, index: pod.set_alias(index, "mine"),
    "group": lambda _, pod, index: pod.set_group(index, 66),
    "flags": lambda _, pod, index: pod.set_flags(index, IFF_PROMISC),
    "sizes": lambda _, pod, index: pod.set_tuning(index, Tuning(tx_queue_len=6, gso_max_size=6000)),
    "address": lambda _, pod, index: pod.add_address(index, Address(prefix="169.254.66.6/16")),
    "sysctl": lambda _, pod, index: pod.set_sysctl(index, Sysctl(name="ipv4/rp_filter", value="1")),
    "queue": lambda _, pod, index: pod.set_queueing(index, queue("pfifo", 0x660000)),
    "hook": lambda _, pod, index: pod.set_queueing(index, queue("clsact", 0xFFFF0000, INGRESS)),
    "channels": lambda full, pod, index: full.offloads.write(pod, index, setting("channels/tx", "2")),
    "pause": lambda full, pod, index: full.offloads.write(pod, index, setting("pause/autoneg", "0")),
    "feature": lambda full, pod, index: full.offloads.write(
        pod, index, Offloads(features=(Switch(name="tx-checksum-ip-generic", on=False),))
    ),
    "functions": lambda full, pod, index: pod.set_functions(
        index, tuple(replace(each, vlan=66, trust=True) for each in full.kernel.device(index).functions)
    ),
    "program": lambda full, pod, index: full.programs.plant_by_link(pod, index, "xdp", "sniffer"),
    "down": lambda _, pod, index: pod.set_up(index, False),
}
ENDS = ("stopped", "stopped after a restart", "died while nobody looked")


def taken_back(host: FullHost, end: str) -> None:
    """The pod's end; the worker says that nothing is lost."""
    worker = host.worker()
    if end == "died while nobody looked":
        host.die(worker)
        host.end("sandbox-1")
        host.worker()
        return
    if end == "stopped after a restart":
        host.die(worker)
        worker = host.worker()
    assert worker.detach(host.sandbox(), host.call()).lost == ()


@settings(max_examples=60, deadline=None)
@given(
    furnishings=st.lists(st.sampled_from(sorted(FURNISHINGS)), max_size=6, unique=True).map(
        lambda chosen: sorted(chosen, key=lambda name: name == "down")
    ),
    tampering=st.lists(st.sampled_from(sorted(TAMPERING)), max_size=6, unique=True),
    end=st.sampled_from(ENDS),
)
def test_the_host_gets_back_what_it_gave(furnishings: list[str], tampering: list[str], end: str) -> None:
    host = full_host()
    index = host.card.identity.ifindex
    for name in furnishings:
        FURNISHINGS[name](host, host.kernel.host, index)
    before = host.all_facts()
    worker = host.worker()
    worker.prepare(host.full_plan(), host.call())
    worker.attach(host.sandbox(), host.call())
    pod = host.kernel.open(host.path("sandbox-1"))
    for name in tampering:
        TAMPERING[name](host, pod, index)
    pod.close()
    host.die(worker)
    taken_back(host, end)
    assert {name: replace(facts, promiscuity=0) for name, facts in host.all_facts().items()} == {
        name: replace(facts, promiscuity=0) for name, facts in before.items()
    }
    assert host.programs.held() == frozenset()
