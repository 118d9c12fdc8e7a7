"""An RDMA device without an interface: attached and given back in both modes, whatever fails, and never somebody else's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from ports.devices import Address, Identity, LinkFacts, RdmaLink, Route, rdma_only
from ports.errors import Code, Failure
from ports.plan import ClaimRef, DevicePlan, MoveRdma, Plan, PodRef
from tests.dataplane.bench import CLAIM, POD, Crash
from tests.dataplane.full_bench import FullHost, full_host, rdma_of
from tests.dataplane.test_crashes import Bomb
from tests.dataplane.test_faults import MOMENTS, heal, inject
from tests.support.plans import claim_ref, pod_ref

FABRIC = "ibp1"
STEPS = 12  # calls of an attach or detach of such a device, and some that do not exist


def host_with_fabric(exclusive: bool = True) -> tuple[FullHost, RdmaLink]:
    host = full_host()
    host.rdma.is_exclusive = exclusive
    return host, host.rdma.add(FABRIC)


def identity(name: str = FABRIC) -> Identity:
    return Identity(ifindex=0, rdma=name)


def planned(host: FullHost, claim: ClaimRef = CLAIM, pod: PodRef = POD, *names: str) -> Plan:
    """What planning makes of it."""
    found = host.worker().inspect(tuple(identity(name) for name in names or (FABRIC,)), host.call())
    devices = tuple(
        DevicePlan(
            request=f"r{number}",
            pool="node1",
            device=facts.rdma[0].name,
            before=facts,
            steps=tuple(MoveRdma(rdma=rdma) for rdma in facts.rdma if facts.rdma_exclusive),
        )
        for number, facts in enumerate(found)
    )
    return Plan(claim=claim, pod=pod, devices=devices)


def is_home(host: FullHost, rdma: RdmaLink) -> bool:
    return host.rdma.at(host.kernel.host, rdma.index) == rdma and host.gate.opened() == frozenset()


@pytest.mark.parametrize("exclusive", [True, False])
def test_it_is_attached_with_its_files_and_given_back(exclusive: bool) -> None:
    host, rdma = host_with_fabric(exclusive)
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    attached = worker.attach(host.sandbox(), host.call())
    (device,) = attached.devices
    assert (device.interface, device.mac, device.addresses) == ("", "", ())
    assert (device.rdma, device.rdma_moved) == ((FABRIC,), exclusive)
    assert device.nodes == host.rdma.nodes(rdma) == host.gate.nodes[CLAIM.uid]
    assert (host.rdma.at(host.kernel.host, rdma.index) is None) is exclusive
    detached = worker.detach(host.sandbox(), host.call())
    assert (detached.devices, detached.lost) == ((FABRIC,), ())
    assert is_home(host, rdma)


def test_attaching_again_does_nothing() -> None:
    host, _ = host_with_fabric()
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    first = worker.attach(host.sandbox(), host.call())
    again = worker.attach(host.sandbox(), host.call())
    assert again.already
    assert again.devices == first.devices


def test_several_devices_of_one_claim_are_told_apart() -> None:
    host, _ = host_with_fabric()
    host.rdma.add("ibp2")
    worker = host.worker()
    worker.prepare(planned(host, CLAIM, POD, FABRIC, "ibp2"), host.call())
    devices = worker.attach(host.sandbox(), host.call()).devices
    assert [device.rdma for device in devices] == [(FABRIC,), ("ibp2",)]
    assert len({node.path for device in devices for node in device.nodes}) == 3


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(STEPS))
def test_an_attach_that_fails_at_any_call_leaves_it_in_the_host(number: int, moment: str) -> None:
    host, rdma = host_with_fabric()
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    box = host.sandbox()
    inject(host.kernel, moment, number)
    failed = False
    try:
        worker.attach(box, host.call())
    except Failure:
        failed = True
    heal(host.kernel)
    assert is_home(host, rdma) is failed
    worker.attach(box, host.call())
    assert worker.detach(box, host.call()).lost == ()
    assert is_home(host, rdma)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(STEPS))
@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_kill_at_any_call_loses_nothing(number: int, moment: str, verb: str) -> None:
    host, rdma = host_with_fabric()
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    box = host.sandbox()
    if verb == "detach":
        worker.attach(box, host.call())
    bomb = Bomb(number, moment)
    host.kernel.before_call, host.kernel.after_call = bomb.before, bomb.after
    with suppress(Crash):
        getattr(worker, verb)(box, host.call())
    heal(host.kernel)
    host.die(worker)
    again = host.worker()
    assert again.detach(box, host.call()).lost == ()
    assert is_home(host, rdma)


def test_a_pod_that_ended_while_we_were_down_has_given_it_back_under_whatever_name() -> None:
    host, rdma = host_with_fabric()
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    worker.attach(host.sandbox(), host.call())
    host.die(worker)
    host.rdma.tamper(rdma, "evil0")
    host.end("sandbox-1")
    host.worker()
    assert is_home(host, rdma)


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_driver_started_again_after_prepare_is_another_device(exclusive: bool) -> None:
    host, rdma = host_with_fabric(exclusive)
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    again = host.rdma.reload(rdma)
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), host.call())
    assert caught.value.code is Code.CONFLICT
    assert is_home(host, again)


def test_a_device_without_verbs_is_not_attached() -> None:
    host, rdma = host_with_fabric()
    worker = host.worker()
    worker.prepare(planned(host), host.call())

    def without(call: str) -> None:
        if call == "rdma.nodes":
            raise Failure(Code.NOT_FOUND, f"RDMA device {FABRIC}", "has no uverbs device file")

    host.kernel.before_call = without
    with pytest.raises(Failure, match="uverbs"):
        worker.attach(host.sandbox(), host.call())
    heal(host.kernel)
    assert is_home(host, rdma)


def test_the_rdma_device_of_an_interface_is_not_taken_alone() -> None:
    host, _ = host_with_fabric()
    with pytest.raises(Failure) as caught:
        host.worker().inspect((identity(rdma_of(host).name),), host.call())
    assert caught.value.code is Code.REFUSED


def test_a_device_that_is_not_there_is_not_found() -> None:
    host, _ = host_with_fabric()
    with pytest.raises(Failure) as caught:
        host.worker().inspect((identity("absent0"),), host.call())
    assert caught.value.code is Code.NOT_FOUND


def test_one_device_is_held_by_one_claim_also_where_everybody_sees_it() -> None:
    host, _ = host_with_fabric(exclusive=False)
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    other = planned(host, claim_ref("other"), pod_ref("other"))
    with pytest.raises(Failure, match="held by") as caught:
        worker.prepare(other, host.call())
    assert caught.value.code is Code.CONFLICT


def test_what_is_left_in_the_host_of_an_attached_card_is_not_taken_alone() -> None:
    host, _ = host_with_fabric(exclusive=False)
    worker = host.worker()
    made = host.plan(host.card)
    worker.prepare(made, host.call())
    worker.attach(host.sandbox(), host.call())
    left = rdma_of(host)
    other = planned(host, claim_ref("other"), pod_ref("other"), left.name)
    with pytest.raises(Failure, match=f"RDMA device {left.name} is held by") as caught:
        worker.prepare(other, host.call())
    assert caught.value.code is Code.CONFLICT


def test_steps_that_need_an_interface_are_refused() -> None:
    host, _ = host_with_fabric()
    made = planned(host)
    (device,) = made.devices
    steps = host.full_plan().devices[1].steps
    wrong = DevicePlan(request="r", pool="p", device=device.device, before=device.before, steps=steps)
    with pytest.raises(Failure) as caught:
        host.worker().prepare(Plan(claim=CLAIM, pod=POD, devices=(wrong,)), host.call())
    assert caught.value.code is Code.INVALID


def host_with_ipoib(stays: bool) -> tuple[FullHost, RdmaLink]:
    """An InfiniBand device with an IPoIB interface."""
    host, rdma = host_with_fabric()
    made = host.kernel.add_link("ibp1s0", pci_address="0000:5e:00.0")
    host.kernel.host._device(made.identity.ifindex).link = replace(made, encapsulation="infiniband")
    host.rdma.cards[-1].interface = made.identity
    host.machine = replace(host.machine, ipoib_stays=stays)
    return host, rdma


def test_it_goes_alone_and_leaves_its_ipoib_interface_only_where_that_is_wished() -> None:
    host, rdma = host_with_ipoib(stays=True)
    worker = host.worker()
    worker.prepare(planned(host), host.call())
    (device,) = worker.attach(host.sandbox(), host.call()).devices
    assert (device.interface, device.rdma) == ("", (FABRIC,))
    assert host.kernel.host.find("ibp1s0") is not None
    worker.detach(host.sandbox(), host.call())
    assert is_home(host, rdma)
    host, _ = host_with_ipoib(stays=False)
    with pytest.raises(Failure, match="belongs to interface"):
        planned(host)


def test_one_whose_ipoib_interface_the_node_needs_is_not_moved() -> None:
    host, _ = host_with_ipoib(stays=True)
    link = host.kernel.host.find("ibp1s0")
    assert link is not None
    host.kernel.host.add_address(link.identity.ifindex, Address(prefix="2001:db8:7::7/64"))
    host.kernel.host.add_route(link.identity.ifindex, Route(destination="::/0", gateway="2001:db8:7::1"))
    with pytest.raises(Failure, match="the node needs"):
        planned(host)
    host.rdma.is_exclusive = False
    planned(host)


class Listed:
    """A deny list with one PCI address."""

    def denies(self, facts: LinkFacts, /) -> bool:
        return facts.link.identity.pci_address == "0000:3b:00.0"


@pytest.mark.parametrize("told", [None, "0000:3b:00.1", "/etc", "../../../../etc"])
def test_no_other_pci_address_takes_it_off_the_deny_list(told: str | None) -> None:
    host, _ = host_with_fabric()
    host.rdma.cards[-1].pci_address = "0000:3b:00.0"
    host.machine = replace(host.machine, exclusions=Listed())
    worker, true = host.worker(), replace(identity(), pci_address="0000:3b:00.0")
    (facts,) = worker.inspect((true,), host.call())
    device = DevicePlan(request="r0", pool="node1", device=FABRIC, before=facts, steps=(MoveRdma(rdma=facts.rdma[0]),))
    plan = Plan(claim=CLAIM, pod=POD, devices=(device,))
    with pytest.raises(Failure, match="denies") as caught:
        worker.prepare(plan, host.call())
    assert caught.value.code is Code.REFUSED
    lied = replace(device, before=replace(facts, link=rdma_only(replace(true, pci_address=told))))
    with pytest.raises(Failure) as caught:
        worker.prepare(replace(plan, devices=(lied,)), host.call())
    assert caught.value.code is Code.NOT_FOUND
