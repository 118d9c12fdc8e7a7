"""A plan with every kind of step: done, undone, made to fail, killed and tampered with at every call there is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from dataplane.shape import ORDER
from ports.devices import Neighbour, Offloads, Setting, Sysctl
from ports.errors import Failure
from ports.ledger import Phase
from tests.contracts.kernel.namespace import FakeNamespace
from tests.dataplane.bench import CLAIM, POD, Crash
from tests.dataplane.full_bench import FullHost, full_host, rdma_of
from tests.dataplane.test_crashes import Bomb
from tests.dataplane.test_faults import MOMENTS, heal, inject

Verb = Callable[[FullHost], object]


def attached() -> FullHost:
    host = full_host()
    worker = host.worker()
    worker.prepare(host.full_plan(), host.call())
    worker.attach(host.sandbox(), host.call())
    host.die(worker)
    return host


def prepared() -> FullHost:
    host = full_host()
    host.worker().prepare(host.full_plan(), host.call())
    host.sandbox()
    return host


def attach(host: FullHost) -> object:
    return host.worker().attach(host.sandbox(), host.call())


def detach(host: FullHost) -> object:
    return host.worker().detach(host.sandbox(), host.call())


def calls_of(host: FullHost, verb: Verb) -> int:
    before = len(host.kernel.calls)
    verb(host)
    return len(host.kernel.calls) - before


ATTACH_CALLS = calls_of(prepared(), attach)
DETACH_CALLS = calls_of(attached(), detach) + 20  # one that fails makes others necessary


def check_home(host: FullHost) -> None:
    assert host.all_facts() == host.furnished
    assert host.kernel.links_at(host.path("sandbox-1")) == () or only_vrf(host)
    assert (host.gate.opened(), host.programs.held()) == (frozenset(), frozenset())
    assert rdma_of(host).name == "mlx5_0"


def only_vrf(host: FullHost) -> bool:
    return [link.identity.link_kind for link in host.kernel.links_at(host.path("sandbox-1"))] == ["vrf"]


def inside(host: FullHost) -> FakeNamespace:
    return host.kernel.open(host.path("sandbox-1"))


def test_the_plan_has_every_kind_of_step_in_the_order_that_is_checked() -> None:
    kinds = [type(step) for step in full_host().full_plan().devices[1].steps]
    assert list(dict.fromkeys(kinds)) == list(ORDER)
    assert ATTACH_CALLS > 50


def test_every_step_has_its_effect_in_the_pod() -> None:
    host = attached()
    pod = inside(host)
    found = pod.find("fabric0")
    assert found is not None
    facts, index = pod.facts(found.identity.ifindex), found.identity.ifindex
    vrf = pod.find("red")
    assert vrf is not None
    assert (found.name, found.mac, found.mtu, found.up, found.master) == (
        "net1",
        "02:00:5e:00:00:01",
        9000,
        True,
        vrf.identity.ifindex,
    )
    assert facts.alternative_names == ("fabric0",)
    assert (facts.tuning.tx_queue_len, facts.tuning.gso_max_size) == (100, 65536)
    assert pod.sysctls(index, ("ipv4/rp_filter",)) == (Sysctl(name="ipv4/rp_filter", value="0"),)
    assert [rule.priority for rule in pod.rules()] == [500]
    assert facts.neighbours == (Neighbour(address="192.0.2.254", mac="02:00:00:00:00:fe"),)
    offloads = host.offloads.read(pod, index)
    assert {switch.name: switch.on for switch in (*offloads.features, *offloads.flags)}["legacy-rx"]
    assert host.programs.attached(pod, index) == ()
    assert host.rdma.at(pod, 0) == rdma_of(host)
    assert host.rdma.at(host.kernel.host, 0) is None
    assert "net1" in pod._net.announced
    pod.close()


def test_the_claims_containers_get_the_device_files_of_its_rdma_device() -> None:
    host = attached()
    worker = host.worker()
    (_, first) = worker.attach(host.sandbox(), host.call()).devices
    assert (first.rdma, first.rdma_moved) == (("mlx5_0",), True)
    assert [node.path for node in first.nodes] == ["/dev/infiniband/rdma_cm", "/dev/infiniband/uverbs0"]
    worker.detach(host.sandbox(), host.call())
    check_home(host)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(ATTACH_CALLS))
def test_an_attach_that_fails_at_any_call_leaves_the_host_as_it_was(number: int, moment: str) -> None:
    host = prepared()
    worker = host.worker()
    inject(host.kernel, moment, number)
    with suppress(Failure):
        worker.attach(host.sandbox(), host.call())
    heal(host.kernel)
    record = host.ledger.read(POD.uid)
    assert record is not None
    if record.phase is Phase.ATTACHED:  # a call that the worker can do without
        worker.detach(host.sandbox(), host.call())
    check_home(host)
    assert host.kernel.open_handles == 0


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(DETACH_CALLS))
def test_a_detach_restores_the_host_although_one_call_fails(number: int, moment: str) -> None:
    host = attached()
    worker = host.worker()
    inject(host.kernel, moment, number)
    detached = worker.detach(host.sandbox(), host.call())
    heal(host.kernel)
    assert detached.lost == ()
    check_home(host)
    assert host.kernel.open_handles == 0


def crashes(arrange: Callable[[], FullHost], verb: Verb, moment: str) -> list[FullHost]:
    hosts: list[FullHost] = []
    for number in range(1000):
        host, bomb = arrange(), Bomb(number, moment)
        worker = host.worker()
        host.kernel.before_call, host.kernel.after_call = bomb.before, bomb.after
        with suppress(Crash):
            if verb is attach:
                worker.attach(host.sandbox(), host.call())
            else:
                worker.detach(host.sandbox(), host.call())
        heal(host.kernel)
        host.die(worker)
        if not bomb.gone_off:
            assert number > 50
            return hosts
        hosts.append(host)
    raise AssertionError("never comes to an end")


@pytest.mark.parametrize("died", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("arrange", "verb"), [(prepared, attach), (attached, detach)])
def test_a_crash_at_any_call_loses_nothing(
    arrange: Callable[[], FullHost], verb: Verb, moment: str, died: bool
) -> None:
    for host in crashes(arrange, verb, moment):
        if died:
            host.end("sandbox-1")
        worker = host.worker()
        record = host.ledger.read(POD.uid)
        if record is not None and record.phase is Phase.ATTACHED:
            assert host.gate.opened() == {CLAIM.uid}
            worker.detach(host.sandbox(), host.call())
        assert (host.all_facts(), host.gate.opened()) == (host.furnished, frozenset())
        worker.unprepare(CLAIM.uid, host.call())
        assert (host.ledger.records(), host.kernel.open_handles) == ((), 0)


def test_what_a_pod_did_to_its_interface_does_not_come_back_with_it() -> None:
    host = attached()
    pod = inside(host)
    found = pod.find("net1")
    assert found is not None
    index = found.identity.ifindex
    pod.set_up(index, False)
    pod.rename(index, "mine")
    pod.set_mac(index, "02:66:66:66:66:66")
    pod.set_alias(index, "owned")
    pod.set_group(index, 66)
    mine = (Setting(name="rings/rx", value="64"), Setting(name="pause/autoneg", value="0"))
    host.offloads.write(pod, index, Offloads(settings=mine))
    for name in ("ens1", "ens2", "uplink0"):  # taken in the host: would keep it in the pod
        pod.add_alternative_name(index, name)
    host.programs.plant_by_link(pod, index, "xdp", "sniffer")
    host.programs.plant_by_link(pod, index, "tcx-ingress", "sniffer")
    host.rdma.tamper(rdma_of(host), "stolen0")
    pod.close()
    worker = host.worker()
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    check_home(host)


def test_a_program_that_the_kernel_no_longer_has_keeps_nothing_else_back() -> None:
    host = prepared()
    worker = host.worker()
    worker.attach(host.sandbox(), host.call())
    for key in host.programs.held():  # as when the process that held it was killed
        host.programs.release(key)
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    assert host.all_facts()["ens1"] == replace(host.furnished["ens1"], programs=())
