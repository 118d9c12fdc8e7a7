"""Cards and virtual functions of a real PCI driver through the worker, up to the pod that dies with one inside."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.eventually import eventually
from tests.vm import tools
from tests.vm.scenarios.cards import interfaces, virtual_functions
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip, pod, run

pytestmark = pytest.mark.vm
CARD = "enp65s0"


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


def test_a_virtual_function_goes_into_a_pod_and_comes_back_as_it_was(host: Host, new_pod: Pod, function: str) -> None:
    before = host.give(new_pod, function)
    assert before[0].link.identity.pci_address == "0000:41:10.0"
    shown = new_pod.run("ip", "address", "show", "net1")
    assert "52:54:00:4b:41:01" in shown
    assert "inet 192.0.2.33/24" in shown
    host.take_back(new_pod)
    assert host.is_as(*before)


def test_two_pods_talk_over_two_cards(host: Host, new_pod: Pod) -> None:
    cards = ("enp65s0", "enp129s0")
    before = host.facts(*cards)
    with pod() as other:
        for number, (each, card) in enumerate(zip((new_pod, other), cards, strict=True), 1):
            each.take(card, f"192.0.2.{number}/24")
        run(*tools.command("ping", "-c", "3", "-W", "10", "192.0.2.2", netns=new_pod.path))
        for each, card in ((new_pod, "enp65s0"), (other, "enp129s0")):
            each.run("ip", "link", "set", card, "netns", "1")
    assert host.is_as(*before)


def test_a_function_in_a_pod_that_died_is_taken_out_by_the_worker_that_holds_its_namespace(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.give(new_pod, function)
    new_pod.end()
    host.take_back(new_pod)
    assert host.is_as(*before)


def test_a_function_that_the_kernel_gave_back_under_another_name_is_restored(
    host: Host, new_pod: Pod, function: str
) -> None:
    before = host.give(new_pod, function)
    address = before[0].link.identity.pci_address or ""
    host.die()
    new_pod.end()
    eventually(lambda: interfaces(address) == ("net1",), seconds=60)
    host.restart()
    assert host.is_as(*before)
    assert host.worker.held(host.call()) == ()


def test_a_function_that_was_removed_while_in_a_pod_is_reported_lost(host: Host, new_pod: Pod) -> None:
    with virtual_functions(CARD, 1) as [address]:
        host.give(new_pod, *interfaces(address))
    detached = host.worker.detach(host.sandbox(new_pod), host.call())
    assert len(detached.lost) == 1
    assert "neither in the pod nor in the host" in detached.lost[0]


def test_a_card_with_functions_goes_into_a_pod_without_them(host: Host, new_pod: Pod, function: str) -> None:
    before = host.give(new_pod, CARD)
    assert host.facts(function)
    host.take_back(new_pod)
    assert host.is_as(*before)
