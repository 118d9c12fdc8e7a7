"""What a pod set of real drivers' hardware: rings, channels, coalescing, pause, link modes, the spreading of packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from adapters.ethtool.control import EthtoolOffloads
from ports.devices import LinkFacts, Offloads, Setting
from tests.support.eventually import eventually
from tests.vm.scenarios.cards import interfaces, virtual_functions
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip

pytestmark = pytest.mark.vm
IGB, E1000E, VMXNET3 = "enp65s0", "enp70s0", "enp131s0"
OWN_MAC = "52:54:00:4b:41:99"
CHANGES = {  # of each card: what the pod sets
    IGB: {
        "rings/rx": "512",
        "rings/tx": "1024",
        "coalesce/rx-usecs": "200",
        "pause/autoneg": "0",
    },
    E1000E: {"rings/rx": "512", "coalesce/rx-usecs": "100", "link/advertised": "60cf"},
    VMXNET3: {"rings/rx": "512", "rings/tx": "256"},
}


@pytest.fixture
def settings() -> EthtoolOffloads:
    return EthtoolOffloads(timeout=60.0)


def changed(settings: EthtoolOffloads, host: Host, pod: Pod, wish: dict[str, str]) -> dict[str, str]:
    """The pod's interface with other settings; those that it has then."""
    inside = host.kernel.open(pod.path)
    link = inside.find("net1")
    assert link is not None
    index = link.identity.ifindex
    known = {setting.name for setting in settings.read(inside, index).settings}
    mine = tuple(Setting(name=name, value=value) for name, value in wish.items() if name in known)
    settings.write(inside, index, Offloads(settings=mine))
    found = {setting.name: setting.value for setting in settings.read(inside, index).settings}
    inside.close()
    return {setting.name: found[setting.name] for setting in mine}


@pytest.mark.parametrize("card", CHANGES)
def test_what_the_pod_set_is_set_back(settings: EthtoolOffloads, host: Host, new_pod: Pod, card: str) -> None:
    before = host.facts(card)
    told = {setting.name: setting.value for setting in before[0].offloads.settings}
    host.give(new_pod, card)
    now = changed(settings, host, new_pod, CHANGES[card])
    assert now
    assert all(told[name] != value for name, value in now.items())
    assert host.take_back(new_pod) == ()
    back = {setting.name: setting.value for setting in host.facts(card)[0].offloads.settings}
    both = told.keys() & back.keys()  # vmxnet3 knows its table and its speed only while it is up
    assert both >= CHANGES[card].keys()
    assert {name: told[name] for name in both} == {name: back[name] for name in both}


def test_what_a_pod_that_died_had_set_is_set_back(settings: EthtoolOffloads, host: Host, new_pod: Pod) -> None:
    before = host.facts(IGB)
    host.give(new_pod, IGB)
    changed(settings, host, new_pod, CHANGES[IGB])
    host.die()
    new_pod.end()
    eventually(lambda: host.kernel.host.find("net1") is not None, 60)
    host.restart()
    assert host.is_as(*before)


def test_packets_are_spread_over_the_queues_as_before(settings: EthtoolOffloads, host: Host, new_pod: Pod) -> None:
    ip("link", "set", IGB, "up")
    before = host.facts(IGB)
    told = {setting.name: setting.value for setting in before[0].offloads.settings}
    host.give(new_pod, IGB)
    all_on_the_second = "01000000" * (len(told["rss/indirection"]) // 8)
    assert changed(settings, host, new_pod, {"rss/indirection": all_on_the_second})
    assert told["rss/indirection"] != all_on_the_second
    assert host.take_back(new_pod) == ()
    assert host.is_as(*before)
    ip("link", "set", IGB, "down")


@pytest.fixture
def function() -> Iterator[str]:
    """A virtual function's interface whose address nobody has fixed."""
    with virtual_functions(IGB, 1) as [address]:
        [name] = interfaces(address)
        ip("link", "set", IGB, "up")
        ip("link", "set", name, "up")
        yield name
    ip("link", "set", IGB, "down")


def told(before: LinkFacts) -> LinkFacts:
    """The physical function learns a function's own address only once somebody sets it, as restoring does."""
    assert before.function is not None
    return replace(before, function=replace(before.function, mac=before.link.mac))


def test_a_function_whose_driver_takes_any_address_for_the_permanent_one_is_known_by_its_place(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    host.give(new_pod, function, {"interface": {"name": "net1", "hardwareAddr": "52:54:00:4b:41:55"}})
    for command in (("down",), ("address", OWN_MAC), ("up",), ("mtu", "1400")):
        new_pod.run("ip", "link", "set", "net1", *command)
    assert host.worker.held(host.call())
    assert host.take_back(new_pod) == ()
    assert host.is_as(told(before[0]))


def test_a_function_with_an_address_of_its_own_from_a_pod_that_died_is_known_by_its_place(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    host.give(new_pod, function)
    for command in (("down",), ("address", OWN_MAC), ("up",)):
        new_pod.run("ip", "link", "set", "net1", *command)
    host.die()
    new_pod.end()
    eventually(lambda: host.kernel.host.find("net1") is not None, 60)
    host.restart()
    assert host.is_as(told(before[0]))
