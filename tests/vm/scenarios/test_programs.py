"""Offloads and eBPF programs on what few machines have: a driver with private flags, hardware that comes home, netkit."""

from __future__ import annotations

import pytest

from adapters.bpf.control import BpfPrograms
from adapters.ethtool.control import EthtoolOffloads
from adapters.talk.conversation import Talk, attribute, nest
from ports.devices import Link, Switch
from tests.contracts.programs.contract import HOOKS
from tests.contracts.programs.real import plant
from tests.support.eventually import eventually
from tests.support.private_net import delete_link
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod

pytestmark = pytest.mark.vm
CARD = "enp65s0"
RTM_NEWLINK, CREATE, IFINFOMSG = 16, 0x600, 16
IFLA_IFNAME, IFLA_LINKINFO, INFO_KIND, INFO_DATA, NETKIT_PEER_INFO = 3, 18, 1, 2, 1


def _index(host: Host, name: str) -> int:
    return _in(host.kernel.host.find(name))


def test_a_drivers_features_and_private_flags_are_switched_in_the_pod_and_come_back(host: Host, new_pod: Pod) -> None:
    before = host.facts(CARD)
    flags = {flag.name: flag.on for flag in before[0].offloads.flags}
    assert "legacy-rx" in flags
    wish = {"features": {"tso": False, "rxvlan": False}, "privateFlags": {"legacy-rx": not flags["legacy-rx"]}}
    host.give(new_pod, CARD, {"interface": {"name": "net1"}, "ethtool": wish})
    pod = host.kernel.open(new_pod.path)
    now = EthtoolOffloads().read(pod, _in(pod.find("net1")))
    pod.close()
    assert Switch(name="legacy-rx", on=not flags["legacy-rx"]) in now.flags
    states = {feature.name: feature.on for feature in now.features}
    assert not any(states[name] for name in ("tx-tcp-segmentation", "tx-tcp6-segmentation", "rx-vlan-hw-parse"))
    assert host.take_back(new_pod) == ()
    assert host.is_as(*before)


def test_a_card_that_the_kernel_gave_back_from_a_dead_pod_has_the_hosts_programs_and_none_of_the_pods(
    host: Host, new_pod: Pod
) -> None:
    for hook in HOOKS:
        plant(host.kernel.host, _index(host, CARD), hook, "of_the_host")
    before = host.facts(CARD)
    assert len(before[0].programs) == len(HOOKS)
    host.give(new_pod, CARD, {"interface": {"name": "net1", "disableEbpfPrograms": True}})
    pod = host.kernel.open(new_pod.path)
    index = _in(pod.find("net1"))
    assert BpfPrograms().attached(pod, index) == ()
    for hook in HOOKS:
        plant(pod, index, hook, "of_the_pod")
    pod.close()
    host.die()
    new_pod.end()
    eventually(lambda: host.kernel.host.find("net1") is not None, 60)
    left = BpfPrograms().attached(host.kernel.host, _index(host, "net1"))
    assert {program.name for program in left} == {"of_the_pod"}
    host.restart()
    assert host.is_as(*before)
    BpfPrograms().detach(host.kernel.host, _index(host, CARD))


def test_netkit_programs_are_listed_taken_off_put_back_and_stay_over_a_move(host: Host, new_pod: Pod) -> None:
    namespace, programs = host.kernel.host, BpfPrograms()
    index = _netkit(host)
    for hook in ("netkit-primary", "netkit-primary", "netkit-peer"):
        plant(namespace, index, hook, "one")
    before = programs.attached(namespace, index)
    assert [program.hook for program in before] == ["netkit-primary", "netkit-primary", "netkit-peer"]
    programs.hold("claim", before)
    assert programs.detach(namespace, index) == before
    assert programs.attached(namespace, index) == ()
    assert programs.attach(namespace, index, before) == ()
    assert programs.attached(namespace, index) == before
    programs.close()
    assert programs.attached(namespace, _index(host, "nk1")) == ()
    assert programs.detach(namespace, _index(host, "nk1")) == ()
    pod = host.kernel.open(new_pod.path)
    moved = namespace.move(index, pod, "nk0").identity.ifindex
    assert programs.attached(pod, moved) == before
    delete_link(pod, moved)
    pod.close()


def _netkit(host: Host) -> int:
    """A pair of netkit devices; the index of the primary one."""
    peer = attribute(NETKIT_PEER_INFO, bytes(IFINFOMSG) + attribute(IFLA_IFNAME, b"nk1\0"))
    info = nest(IFLA_LINKINFO, attribute(INFO_KIND, b"netkit\0"), nest(INFO_DATA, peer))
    with Talk(0, 60.0) as talk:
        talk.ask(RTM_NEWLINK, bytes(IFINFOMSG) + attribute(IFLA_IFNAME, b"nk0\0") + info, "netkit", CREATE)
    return _index(host, "nk0")


def _in(link: Link | None) -> int:
    assert link is not None
    return link.identity.ifindex
