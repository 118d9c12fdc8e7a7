"""Traffic control of the host on a real card: disciplines, classes and filters of the kinds that kernels are built with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip, run

pytestmark = pytest.mark.vm
CARD, MIRROR = "enp65s0", "enp129s0"
CONFIGURATIONS = {
    "fq": ("qdisc add dev {n} root fq maxrate 900mbit",),
    "sfq": ("qdisc add dev {n} root handle 5: sfq perturb 10",),
    "prio": (
        "qdisc add dev {n} root handle 1: prio bands 3",
        "qdisc add dev {n} parent 1:3 handle 30: tbf rate 100mbit burst 100k latency 50ms",
        "filter add dev {n} parent 1: protocol ip prio 5 u32 match ip dst 10.0.0.0/8 flowid 1:1",
        "filter add dev {n} parent 1: protocol all prio 6 handle 7 fw classid 1:2",
    ),
    "htb": (
        "qdisc add dev {n} root handle 1: htb default 20",
        "class add dev {n} parent 1: classid 1:1 htb rate 900mbit",
        "class add dev {n} parent 1:1 classid 1:10 htb rate 300mbit ceil 900mbit prio 1",
        "class add dev {n} parent 1:1 classid 1:20 htb rate 600mbit ceil 900mbit prio 0",
        "qdisc add dev {n} parent 1:10 handle 10: fq",
        "filter add dev {n} parent 1: protocol ip prio 3 flower dst_ip 10.1.0.0/16 ip_proto tcp dst_port 443 classid 1:10",
        "filter add dev {n} parent 1: protocol all prio 9 matchall classid 1:20",
    ),
    "clsact": (
        "qdisc add dev {n} clsact",
        "filter add dev {n} ingress protocol ip prio 3 flower src_ip 10.66.0.0/16 action drop",
        "filter add dev {n} ingress protocol 802.1q prio 4 flower vlan_id 7 action vlan pop",
        "filter add dev {n} egress protocol all prio 5 chain 2 matchall action mirred egress mirror dev " + MIRROR,
    ),
}


@pytest.fixture
def card() -> Iterator[str]:
    _clear()  # programs that tests before put on the card have their own discipline there
    ip("link", "set", CARD, "up")
    yield CARD
    ip("link", "set", CARD, "down")
    _clear()


def _clear() -> None:
    for place in ("root", "clsact"):
        run("sh", "-c", f"tc qdisc del dev {CARD} {place} 2>/dev/null || true")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_is_built_again(host: Host, new_pod: Pod, card: str, name: str) -> None:
    for words in CONFIGURATIONS[name]:
        run("tc", *words.format(n=card).split())
    before = host.facts(card)
    assert before[0].unkept == ()
    parts = before[0].queueing
    assert len((*parts.queues, *parts.classes, *parts.filters)) == len(CONFIGURATIONS[name])
    host.give(new_pod, card)
    new_pod.run("tc", "qdisc", "replace", "dev", "net1", "root", "handle", "66:", "fq")
    lost = host.take_back(new_pod)
    assert host.is_as(*before)
    assert lost == ()


def test_what_cannot_be_built_again_is_named_before_and_after(host: Host, new_pod: Pod, card: str) -> None:
    run("tc", "qdisc", "add", "dev", card, "clsact")
    run("tc", "qdisc", "add", "dev", MIRROR, "ingress_block", "7", "clsact")
    run("sh", "-c", f"tc filter add dev {MIRROR} egress prio 3 matchall action police rate 1mbit burst 10k")
    before = host.facts(MIRROR)[0]
    assert before.unkept == ("filters of block 7", "filter matchall pref 3 handle 0x1 parent ffff:fff3")
    host.give(new_pod, MIRROR)
    [reason] = host.take_back(new_pod)
    assert all(words in reason for words in before.unkept)
    run("tc", "qdisc", "del", "dev", MIRROR, "clsact")
