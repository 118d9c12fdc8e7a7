"""RDMA devices through the worker: moved with their interface in exclusive mode, with traffic between two pods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.eventually import eventually
from tests.vm.scenarios import rdma
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, pod

pytestmark = [pytest.mark.vm, pytest.mark.movable_rdma]
CARDS = {"rxa": "enp65s0", "rxb": "enp129s0"}


@pytest.fixture(autouse=True)
def devices() -> Iterator[None]:
    """One on each card."""
    rdma.make_exclusive()
    with rdma.rxe("rxa", CARDS["rxa"]), rdma.rxe("rxb", CARDS["rxb"]):
        yield


def give(host: Host, into: Pod, device: str, number: int) -> rdma.End:
    """Attach the card with its RDMA device."""
    address = f"192.0.2.{number}"
    interface = {"name": "net1", "addresses": [f"{address}/24"]}
    [attached] = host.give(into, CARDS[device], {"interface": interface}).devices
    assert attached.rdma == (device,)
    return rdma.End(netns=into.path, device=device, address=address)


def test_two_pods_exchange_messages_and_the_host_gets_everything_back(host: Host, new_pod: Pod) -> None:
    before = host.facts(*CARDS.values())
    assert [facts.rdma[0].name for facts in before] == ["rxa", "rxb"]
    with pod() as other:
        ends = (give(host, new_pod, "rxa", 1), give(host, other, "rxb", 2))
        assert (rdma.devices(), rdma.devices(new_pod.path), rdma.devices(other.path)) == (set(), {"rxa"}, {"rxb"})
        rdma.rping(*ends)
        rdma.send(*ends)
        assert host.take_back(new_pod) == host.take_back(other) == ()
    assert host.is_as(*before)


def test_a_device_that_the_kernel_gave_back_is_restored_with_its_card(host: Host, new_pod: Pod) -> None:
    before = host.facts(CARDS["rxa"])
    give(host, new_pod, "rxa", 1)
    host.die()
    new_pod.end()
    eventually(lambda: "rxa" in rdma.devices(), seconds=60)
    host.restart()
    assert host.is_as(*before)
