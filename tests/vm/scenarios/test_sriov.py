"""Cards and virtual functions of a real PCI driver through the worker, up to the pod that dies with one inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.eventually import eventually
from tests.vm import tools
from tests.vm.scenarios.cards import interfaces, virtual_functions
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip, pod, run

pytestmark = pytest.mark.vm
CARD, OTHER = "enp65s0", "enp129s0"
ADDRESS = "0000:41:10.0"


@pytest.fixture
def function() -> Iterator[str]:
    """The name of a virtual function's interface, set up as an administrator would."""
    with virtual_functions(CARD, 2) as addresses:
        [old] = interfaces(addresses[0])
        ip("link", "set", CARD, "up")
        ip("link", "set", CARD, "vf", "0", "mac", "52:54:00:4b:41:01")
        ip("link", "set", old, "name", "vf0")
        ip("link", "set", "vf0", "address", "52:54:00:4b:41:01", "mtu", "1400", "up")
        ip("address", "add", "192.0.2.33/24", "dev", "vf0")
        ip("route", "add", "198.51.100.0/24", "via", "192.0.2.1", "dev", "vf0")
        yield "vf0"
    ip("link", "set", CARD, "down")


def test_a_function_goes_into_a_pod_and_comes_back_as_it_was(host: Host, new_pod: Pod, function: str) -> None:
    before = host.facts(function)
    host.give(new_pod, function)
    assert before[0].link.identity.pci_address == ADDRESS
    shown = new_pod.run("ip", "address", "show", "net1")
    assert "52:54:00:4b:41:01" in shown
    assert "inet 192.0.2.33/24" in shown
    assert host.take_back(new_pod) == ()
    assert host.is_as(*before)


def test_two_pods_talk_over_two_cards(host: Host, new_pod: Pod) -> None:
    before = host.facts(CARD, OTHER)
    with pod() as other:
        for number, (each, card) in enumerate(((new_pod, CARD), (other, OTHER)), 1):
            host.give(each, card, {"interface": {"name": "net1", "mtu": 9000, "addresses": [f"192.0.2.{number}/24"]}})
        run(*tools.command("ping", "-c", "2", "-W", "20", "-s", "8000", "-M", "do", "192.0.2.2", netns=new_pod.path))
        assert host.take_back(new_pod) == host.take_back(other) == ()
    assert host.is_as(*before)


def test_a_function_in_a_pod_that_died_is_taken_out_by_the_worker_that_holds_its_namespace(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    host.give(new_pod, function)
    new_pod.end()
    assert host.take_back(new_pod) == ()
    assert host.is_as(*before)


def test_a_function_that_the_kernel_gave_back_under_another_name_is_restored(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    host.give(new_pod, function)
    host.die()
    new_pod.end()
    eventually(lambda: interfaces(ADDRESS) == ("net1",), seconds=60)
    host.restart()
    assert host.is_as(*before)
    assert host.worker.held(host.call()) == ()


def test_a_function_that_was_removed_while_in_a_pod_is_reported_lost(host: Host, new_pod: Pod) -> None:
    with virtual_functions(CARD, 1) as [address]:
        [name] = interfaces(address)
        host.give(new_pod, name)
    assert ["neither in the pod nor in the host" in reason for reason in host.take_back(new_pod)] == [True]


def test_what_the_administrator_sets_of_a_function_in_a_pod_stays_as_he_set_it(host: Host, new_pod: Pod) -> None:
    with virtual_functions(CARD, 1) as [address]:
        [name] = interfaces(address)
        ip("link", "set", CARD, "up")
        before = host.facts(name)[0]
        assert before.function is not None
        assert before.function.number == 0
        host.give(new_pod, name)
        for words in (("vlan", "100", "qos", "3"), ("spoofchk", "off")):
            ip("link", "set", CARD, "vf", "0", *words)
        ip("link", "set", CARD, "vf", "0", "mac", "52:54:00:4b:41:77")
        assert host.take_back(new_pod) == ()
        now = host.facts(name)[0]
        wanted = replace(before.function, mac="52:54:00:4b:41:77", vlan=100, qos=3, spoof_check=False)
        assert (now.function, now.link.mac) == (wanted, "52:54:00:4b:41:77")
    ip("link", "set", CARD, "down")


def test_what_a_pod_sets_of_the_functions_of_its_card_is_set_back(host: Host, new_pod: Pod) -> None:
    with virtual_functions(CARD, 2):
        ip("link", "set", CARD, "up")
        ip("link", "set", CARD, "vf", "1", "vlan", "7", "qos", "2")
        before = host.facts(CARD)
        assert [each.vlan for each in before[0].functions] == [0, 7]
        host.give(new_pod, CARD)
        for words in (("vlan", "66"), ("trust", "on"), ("spoofchk", "off")):
            new_pod.run("ip", "link", "set", "net1", "vf", "1", *words)
        assert host.take_back(new_pod) == ()
        assert host.is_as(*before)
    ip("link", "set", CARD, "down")


def test_a_card_goes_into_a_pod_without_its_functions(host: Host, new_pod: Pod, function: str) -> None:
    before = host.facts(CARD)
    host.give(new_pod, CARD)
    assert host.facts(function)
    assert host.take_back(new_pod) == ()
    assert host.is_as(*before)
