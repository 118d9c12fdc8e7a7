"""Random configurations and a pod that tampers, on the real kernel: what the host gets back is what it gave.

The host is looked at with ``ip`` and /proc and not with the code under test; the pod tampers with the same programs, as
anybody with CAP_NET_ADMIN in there can.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from adapters.netlink.namespace import NetlinkNamespace
from dataplane.facts import host_facts
from ports.devices import (
    Address,
    Identity,
    Lifetime,
    LinkFacts,
    Metric,
    Neighbour,
    Offloads,
    Route,
    Rule,
    Switch,
    Sysctl,
    Tuning,
)
from ports.plan import (
    AddAddress,
    AddAlternativeName,
    AddNeighbour,
    AddRoute,
    AddRule,
    Announce,
    DevicePlan,
    Move,
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
from tests.contracts.dataplane.contract import CLAIM, POD, call, sandbox
from tests.dataplane.real_bench import RealBench
from tests.support.private_net import add_link

pytestmark = pytest.mark.netns

MARK = "----"
FLEETING = {"valid_life_time", "preferred_life_time", "operstate", "flags"}
STEPS = ("mtu", "mac", "tune", "name", "sysctl", "offloads", "programs", "route", "rule", "neighbour", "announce")
TRAFFIC = (  # what an administrator shapes it with
    "qdisc add dev {n} root handle 1: htb default 10",
    "class add dev {n} parent 1: classid 1:1 htb rate 900mbit",
    "class add dev {n} parent 1:1 classid 1:10 htb rate 300mbit ceil 900mbit prio 1",
    "class add dev {n} parent 1:1 classid 1:20 htb rate 600mbit ceil 900mbit prio 0",
    "qdisc add dev {n} parent 1:10 handle 10: pfifo limit 77",
    "qdisc add dev {n} parent 1:20 handle 20: tbf rate 500mbit burst 100k latency 50ms",
    "qdisc add dev {n} clsact",
)
TAMPERING = (
    "ip link set {n} address 02:66:66:66:66:66",
    "ip link set {n} mtu 1300",
    "ip link set {n} mtu 900",
    "ip link set {n} alias mine",
    "ip link set {n} promisc on",
    "ip link set {n} allmulticast on",
    "ip link set {n} multicast off",
    "ip link set {n} arp off",
    "ip link set {n} txqueuelen 7",
    "ip link set {n} gso_max_size 4096",
    "ip link set {n} down",
    "ip link property add dev {n} altname ens1",
    "ip link property add dev {n} altname uplink0",
    "ip link property add dev {n} altname fabric-of-the-pod",
    "ip address add 192.0.2.1/24 dev {n}",
    "ip address add 203.0.113.77/28 dev {n}",
    "ip address flush dev {n}",
    "ip route add 10.66.0.0/16 dev {n}",
    "ip neighbour add 192.0.2.66 lladdr 02:66:66:66:66:66 dev {n}",
    "ip rule add pref 66 iif {n} table 66",
    "tc qdisc add dev {n} clsact",
    "tc qdisc replace dev {n} root pfifo limit 5",
    "tc qdisc replace dev {n} root handle 1: htb default 66",
    "ip link set {n} group 66",
    "ip address add 169.254.66.1/16 dev {n} label {n}:66",
    "ip address del 169.254.77.1/16 dev {n}",
    "sh -c 'ip link set {n} down; ip link set {n} up promisc on'",
    "sh -c 'echo 1 > /proc/sys/net/ipv4/conf/{n}/proxy_arp'",
    "sh -c 'echo 0 > /proc/sys/net/ipv6/conf/{n}/accept_ra'",
    "sh -c 'echo 1 > /proc/sys/net/ipv6/conf/{n}/disable_ipv6'",
    "sh -c 'ip link set {n} down; ip link set {n} name stolen; ip link add {n} type bridge'",
    "sh -c 'ip link add br66 type bridge; ip link set {n} master br66'",
)


class Node:
    """A private host with one furnished interface, and one pod."""

    def __init__(self, directory: Path, kind: str, furnishings: frozenset[str]) -> None:
        self.bench = RealBench(directory)
        self.device = self._device(kind)
        self._furnish(furnishings)

    def dump(self) -> dict[str, object]:
        """The interface as the host's programs show it."""
        name = self.bench.kernel.host.link(self.device.ifindex).name
        shows = {
            "link": f"ip -j -d link show dev {name}",
            "addresses": f"ip -j -d address show dev {name}",
            "routes": f"ip -j -d route show table all dev {name}",
            "routes6": f"ip -j -d -6 route show table all dev {name}",
            "neighbours": f"ip -j -d neighbour show nud permanent dev {name}",
            "rules": "ip -j -d rule show",
            "disciplines": f"tc qdisc show dev {name}",
            "classes": f"tc class show dev {name}",
            "sysctls": f"for f in /proc/sys/net/ipv[46]/conf/{name}/*; do echo $f $(cat $f 2>/dev/null); done",
        }
        said = self._host("sh", "-c", f"; echo '{MARK}'; ".join(shows.values())).split(f"{MARK}\n")
        return {key: _steady(words) for key, words in zip(shows, said, strict=True)}

    def settled(self, wanted: dict[str, object] | None = None) -> dict[str, object]:
        """The dump once it is as wanted, or stays as it is: the kernel makes IPv6 routes a little after the address."""
        end, seen = time.monotonic() + 5, self.dump()
        while time.monotonic() < end and (seen != wanted if wanted else True):
            earlier = seen
            time.sleep(0.05)
            seen = self.dump()
            if wanted is None and seen == earlier:
                break
        return seen

    def attach(self, chosen: frozenset[str]) -> None:
        """The device with these steps and those that always are."""
        facts = host_facts(self.bench.machine, self.device)
        steps = tuple(_steps(facts, chosen))
        device = DevicePlan(request="nic", pool="node1", device=facts.link.name, before=facts, steps=steps)
        plan = Plan(claim=CLAIM, pod=POD, devices=(device,))
        self.bench.dataplane.prepare(plan, call(self.bench))
        self.bench.dataplane.attach(sandbox(self.bench), call(self.bench))

    def tamper(self, command: str) -> None:
        """Done in the pod; what the kernel refuses is not done."""
        path = self.bench.netns("sandbox-1").replace("self", str(os.getpid()))
        inside = ["nsenter", f"--net={path}", "sh", "-c", command.format(n="net1")]
        subprocess.run(inside, capture_output=True, timeout=30, check=False)

    def detach(self) -> tuple[str, ...]:
        """Everything home."""
        return self.bench.dataplane.detach(sandbox(self.bench), call(self.bench)).lost

    def _device(self, kind: str) -> Identity:
        if kind == "veth":
            return self.bench.devices[0]
        host, lower = self.bench.kernel.host, self.bench.devices[1].ifindex
        index = add_link(host, "mv1", "macvlan", lower)
        host.set_up(index, True)
        return host.link(index).identity

    def _furnish(self, furnishings: frozenset[str]) -> None:
        """A network to route into, and what is chosen of the rest."""
        host, index = self.bench.kernel.host, self.device.ifindex
        host.add_address(index, Address(prefix="198.18.0.1/24"))
        host.add_address(index, Address(prefix="2001:db8:77::1/64"))
        for name in FURNISHINGS:
            if name in furnishings:
                FURNISHINGS[name](self, host, index)

    def shape(self) -> None:
        """What an administrator does with tc."""
        name = self.bench.kernel.host.link(self.device.ifindex).name
        self._host("sh", "-c", " && ".join(f"tc {words.format(n=name)}" for words in TRAFFIC))

    def lease(self) -> None:
        """An address for an hour."""
        until = time.monotonic() + 3600
        address = Address(prefix="198.18.9.1/24", lifetime=Lifetime(preferred_until=until, valid_until=until))
        self.bench.kernel.host.add_address(self.device.ifindex, address)

    def _host(self, *command: str) -> str:
        path = self.bench.host_netns.replace("self", str(os.getpid()))
        inside = ["nsenter", f"--net={path}", *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True, timeout=30).stdout


PREFERRED = (Metric(number=8, value=1200), Metric(number=11, value=30))
FURNISHINGS: dict[str, Callable[[Node, NetlinkNamespace, int], None]] = {
    "second address": lambda _, host, index: host.add_address(index, Address(prefix="198.18.0.2/24")),
    "link-local": lambda _, host, index: host.add_address(index, Address(prefix="169.254.77.1/16", scope=253)),
    "label": lambda _, host, index: host.add_address(
        index, Address(prefix="10.77.7.1/24", label=f"{host.link(index).name}:7")
    ),
    "own fe80": lambda _, host, index: host.add_address(index, Address(prefix="fe80::77/64", scope=253)),
    "lease": lambda node, _, __: node.lease(),
    "table": lambda _, host, index: host.add_route(
        index, Route(destination="10.77.0.0/16", gateway="198.18.0.254", table=77)
    ),
    "metrics": lambda _, host, index: host.add_route(
        index, Route(destination="10.78.0.0/16", gateway="198.18.0.254", metrics=PREFERRED, realm=7)
    ),
    "preference": lambda _, host, index: host.add_route(
        index, Route(destination="2001:db8:78::/48", gateway="2001:db8:77::fe", metric=9, preference=1)
    ),
    "rule": lambda _, host, __: host.add_rule(Rule(family=4, priority=900, table=77, source="198.18.0.1/32")),
    "neighbour": lambda _, host, index: host.add_neighbour(
        index, Neighbour(address="198.18.0.254", mac="02:00:00:00:00:fe")
    ),
    "name": lambda _, host, index: host.add_alternative_name(index, "enp59s0f1np1-of-the-host"),
    "alias": lambda _, host, index: host.set_alias(index, "to the storage switch"),
    "group": lambda _, host, index: host.set_group(index, 7),
    "sizes": lambda _, host, index: host.set_tuning(index, Tuning(tx_queue_len=700, gso_max_size=32768)),
    "filtering": lambda _, host, index: host.set_sysctl(index, Sysctl(name="ipv4/rp_filter", value="2")),
    "advertisements": lambda _, host, index: host.set_sysctl(index, Sysctl(name="ipv6/accept_ra", value="2")),
    "traffic control": lambda node, _, __: node.shape(),
}
EVERYTHING = frozenset(FURNISHINGS)


@contextmanager
def private_node(kind: str, furnishings: frozenset[str]) -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="knd-") as directory:
        node = Node(Path(directory), kind, furnishings)
        try:
            yield node
        finally:
            node.bench.close()


def _steady(text: str) -> object:
    """Without what changes by itself: life times, the carrier, link-local addresses that the kernel makes anew."""
    if not text.startswith("["):
        return re.sub(r"direct_packets_stat \d+", "", text)
    return _stripped(json.loads(text))


def _stripped(value: object) -> object:
    if isinstance(value, dict):
        return {key: _stripped(each) for key, each in value.items() if key not in FLEETING}
    if isinstance(value, list):
        kept = [_stripped(each) for each in value if not _is_made(each)]
        return sorted(kept, key=str) if all(isinstance(each, dict) and "dst" in each for each in kept) else kept
    return value


def _is_made(value: object) -> bool:
    text = json.dumps(value)
    return isinstance(value, dict) and "ifname" not in value and ("fe80::" in text or "ff00::" in text)


def _steps(facts: LinkFacts, chosen: frozenset[str]) -> Iterator[Step]:
    made: dict[str, Step] = {
        "mtu": SetMtu(mtu=1420, before=facts.link.mtu),
        "mac": SetMac(mac="02:00:5e:00:00:01", before=facts.link.mac),
        "tune": Tune(tuning=Tuning(tx_queue_len=100, gso_max_size=60000), before=facts.tuning),
        "name": AddAlternativeName(name="fabric0"),
        "sysctl": SetSysctl(sysctl=Sysctl(name="ipv4/arp_ignore", value="1")),
        "offloads": SetOffloads(
            offloads=Offloads(features=(Switch(name="tx-udp-segmentation", on=False),)), before=facts.offloads
        ),
        "programs": RemovePrograms(),
        "route": AddRoute(route=Route(destination="10.9.0.0/16", gateway="198.18.0.254", table=9)),
        "rule": AddRule(rule=Rule(family=4, priority=500, table=9, source="198.18.0.1/32")),
        "neighbour": AddNeighbour(neighbour=Neighbour(address="198.18.0.254", mac="02:00:00:00:00:fe")),
        "announce": Announce(),
    }
    yield from (Release(), Move(temporary_name="kndrandom"))
    yield from (made[key] for key in ("mtu", "mac", "tune") if key in chosen)
    yield Rename(name="net1")
    yield from (made[key] for key in ("name", "sysctl") if key in chosen)
    yield from (AddAddress(address=address) for address in facts.addresses)
    possible = (
        chosen if facts.link.identity.link_kind == "veth" else chosen - {"offloads"}
    )  # a macvlan has its parent's
    yield from (made[key] for key in ("offloads", "programs") if key in possible)
    yield SetUp()
    yield from (made[key] for key in ("route", "rule", "neighbour", "announce") if key in chosen)


@settings(max_examples=20, deadline=None, derandomize=True, phases=(Phase.generate,))
@given(
    kind=st.sampled_from(("veth", "macvlan")),
    furnishings=st.frozensets(st.sampled_from(tuple(FURNISHINGS))),
    chosen=st.frozensets(st.sampled_from(STEPS)),
    tampering=st.lists(st.sampled_from(TAMPERING), max_size=8, unique=True),
)
def test_the_host_gets_back_what_it_gave(
    kind: str, furnishings: frozenset[str], chosen: frozenset[str], tampering: list[str]
) -> None:
    with private_node(kind, furnishings) as node:
        before = node.settled()
        node.attach(chosen)
        for command in tampering:
            node.tamper(command)
        assert node.detach() == ()
        assert node.settled(before) == before


@pytest.mark.parametrize("command", TAMPERING)
def test_no_single_tampering_leaves_a_trace_in_the_host(command: str) -> None:
    with private_node("veth", EVERYTHING) as node:
        before = node.settled()
        node.attach(frozenset(STEPS))
        node.tamper(command)
        assert node.detach() == ()
        assert node.settled(before) == before
