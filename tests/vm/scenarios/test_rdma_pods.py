"""RDMA devices given to pods by the real privileged process, with traffic, a kill, and pods that end while it is down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from agent.domain.claims import Allocated, Configured
from agent.domain.planning import plan
from ports.dataplane import Sandbox
from ports.devices import Identity, LinkFacts
from ports.netconfig import decode
from ports.results import Attached
from tests.support import soft_rdma
from tests.support.eventually import eventually
from tests.support.plans import claim_ref, pod_ref
from tests.vm.scenarios import rdma
from tests.vm.scenarios.pods import Pod, ip, pod
from tests.vm.scenarios.process import Dataplane, dataplane

pytestmark = [pytest.mark.vm, pytest.mark.movable_rdma]
CARDS = ("enp65s0", "enp129s0")


@contextmanager
def mode(exclusive: bool) -> Iterator[None]:
    """The host's mode, and afterwards the one before."""
    before = NetlinkRdma().exclusive()
    soft_rdma.set_mode(exclusive)
    try:
        yield
    finally:
        soft_rdma.set_mode(before)


@pytest.fixture
def exclusive() -> Iterator[None]:
    """Each RDMA device belongs to one namespace."""
    with mode(exclusive=True):
        yield


@pytest.fixture
def process(exclusive: None) -> Iterator[Dataplane]:
    """The real process."""
    with dataplane() as started:
        yield started


@pytest.fixture
def shared_process() -> Iterator[Dataplane]:
    """The real process where every namespace sees every RDMA device."""
    with mode(exclusive=False), dataplane() as started:
        yield started


def identity(interface: str) -> Identity:
    kernel = NetlinkKernel()
    try:
        found = kernel.host.find(interface)
        assert found is not None
        return found.identity
    finally:
        kernel.close()


def sandbox(into: Pod) -> Sandbox:
    return Sandbox(id=f"sandbox-{into.name}", pod_uid=pod_ref(into.name).uid, netns=into.path)


def attach(process: Dataplane, into: Pod, device: Identity, **parameters: object) -> Attached:
    """What the three other processes do for a claim of this pod with this device."""
    claim = claim_ref(f"claim-{into.name}")
    facts = process.preparing.inspect((device,), process.call())
    allocated = Allocated(request="nic", pool="node1", device="nic")
    configured = Configured(allocated=allocated, config=decode(parameters))
    process.preparing.prepare(plan(claim, pod_ref(into.name), (configured,), {"nic": facts[0]}), process.call())
    return process.attaching.attach(sandbox(into), process.call())


def attach_card(process: Dataplane, into: Pod, card: str, number: int) -> Attached:
    parameters = {"name": "net1", "addresses": [f"192.0.2.{number}/24"]}
    return attach(process, into, identity(card), interface=parameters)


def facts(process: Dataplane, card: str) -> LinkFacts:
    return process.preparing.inspect((identity(card),), process.call())[0]


def test_two_pods_talk_through_the_devices_they_were_given_and_give_them_back(process: Dataplane) -> None:
    with rdma.rxe("rxa", CARDS[0]), rdma.rxe("rxb", CARDS[1]):
        before = [facts(process, card) for card in CARDS]
        with pod() as one, pod() as two:
            ends = []
            for number, (into, card, name) in enumerate(((one, CARDS[0], "rxa"), (two, CARDS[1], "rxb")), 1):
                (device,) = attach_card(process, into, card, number).devices
                assert (device.rdma, device.rdma_moved) == ((name,), True)
                assert sum("uverbs" in node.path for node in device.nodes) == 1
                ends.append(rdma.End(netns=into.path, device=name, address=f"192.0.2.{number}"))
            assert (rdma.devices(), rdma.devices(one.path), rdma.devices(two.path)) == (set(), {"rxa"}, {"rxb"})
            rdma.rping(*ends)
            rdma.send(*ends)
            for into in (one, two):
                assert process.attaching.detach(sandbox(into), process.call()).lost == ()
            assert rdma.devices() == {"rxa", "rxb"}
        assert [facts(process, card) for card in CARDS] == before


def test_killed_with_a_device_in_a_pod_it_still_gives_it_back(process: Dataplane) -> None:
    with rdma.rxe("rxa", CARDS[0]), pod() as one:
        before = facts(process, CARDS[0])
        attach_card(process, one, CARDS[0], 1)
        process.kill()
        process.start()
        assert rdma.devices(one.path) == {"rxa"}
        assert process.attaching.detach(sandbox(one), process.call()).lost == ()
        assert facts(process, CARDS[0]) == before


def test_a_pod_that_ended_while_it_was_down_has_given_everything_back_at_the_start(process: Dataplane) -> None:
    with rdma.rxe("rxa", CARDS[0]):
        before = facts(process, CARDS[0])
        with pod() as one:
            attach_card(process, one, CARDS[0], 1)
            rdma.run("rdma", "dev", "set", "rxa", "name", "evil0", netns=one.path)
            process.kill()
        eventually(lambda: rdma.devices() == {"evil0"}, seconds=60)
        process.start()
        assert rdma.devices() == {"rxa"}
        assert facts(process, CARDS[0]) == before


def test_an_rdma_device_without_an_interface_goes_to_a_pod_and_back(process: Dataplane) -> None:
    with device_without_interface("rxz") as device, pod() as one:
        (attached,) = attach(process, one, device).devices
        assert (attached.interface, attached.rdma, attached.rdma_moved) == ("", ("rxz",), True)
        assert (rdma.devices(), rdma.devices(one.path)) == (set(), {"rxz"})
        assert process.attaching.detach(sandbox(one), process.call()).lost == ()
        assert rdma.devices() == {"rxz"}


def test_in_shared_mode_nothing_is_moved_and_both_pods_have_files_of_their_own(shared_process: Dataplane) -> None:
    process = shared_process
    with rdma.rxe("rxa", CARDS[0]), rdma.rxe("rxb", CARDS[1]), pod() as one, pod() as two:
        devices = [attach_card(process, into, card, 1).devices[0] for into, card in zip((one, two), CARDS, strict=True)]
        assert [(device.rdma, device.rdma_moved) for device in devices] == [(("rxa",), False), (("rxb",), False)]
        both = set(devices[0].nodes) & set(devices[1].nodes)
        assert {node.path for node in both} == {"/dev/infiniband/rdma_cm"}
        assert rdma.devices() == rdma.devices(one.path) == {"rxa", "rxb"}
        for into in (one, two):
            assert process.attaching.detach(sandbox(into), process.call()).lost == ()


@contextmanager
def device_without_interface(name: str) -> Iterator[Identity]:
    """A device whose interface is out of sight: to whoever takes it, it is one without any."""
    kernel, control = NetlinkKernel(), NetlinkRdma()
    with pod() as elsewhere:
        ip("link", "add", "kndd0", "type", "dummy")
        link = kernel.host.find("kndd0")
        assert link is not None
        soft_rdma.make(name, link)
        ip("link", "set", "kndd0", "netns", elsewhere.name)
        found = control.find(kernel.host, name)
        assert found is not None
        assert [seen.interface for seen in control.devices(kernel.host.links())] == [None]
        try:
            yield Identity(ifindex=0, rdma=name)
        finally:
            eventually(lambda: control.at(kernel.host, found.index) is not None, seconds=60)
            soft_rdma.remove(found)
    kernel.close()
