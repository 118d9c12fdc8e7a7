"""What a pod with CAP_NET_ADMIN, a person on the host, or the kernel itself does to a device meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from ports.devices import Address, DeviceNode, Lifetime, Offloads, Setting
from ports.errors import Code, Failure
from ports.ledger import Phase
from ports.plan import ClaimRef
from ports.queueing import ROOT, Queue, Queueing
from ports.results import Verdict
from tests.contracts.kernel.fake import FakeNamespace
from tests.dataplane.bench import CLAIM, POD, Host, make_host
from tests.dataplane.full_bench import full_host
from tests.support.plans import pod_ref


def inside(host: Host, name: str = "sandbox-1") -> FakeNamespace:
    return host.kernel.open(host.path(name))


def index_of(pod: FakeNamespace, name: str) -> int:
    found = pod.find(name)
    assert found is not None
    return found.identity.ifindex


def test_renamed_and_changed_devices_come_back_as_they_were() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card, host.veth)
    pod = inside(host)
    for name in ("net1", "net2"):
        index = index_of(pod, name)
        pod.set_up(index, False)
        pod.rename(index, f"x{name}")
        pod.set_mac(index, "02:66:66:66:66:66")
        pod.set_mtu(index, 100)
    pod.close()
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    assert host.kernel.host_facts() == host.before
    assert host.kernel.open_handles == 0


@pytest.mark.parametrize("restart", [False, True])
def test_another_device_under_the_name_is_left_in_the_pod(restart: bool) -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card, host.veth)
    pod = inside(host)
    for name in ("net1", "net2"):
        index = index_of(pod, name)
        pod.set_up(index, False)
        pod.rename(index, f"x{name}")
        host.kernel.add_link(name, namespace=host.path("sandbox-1"), ifindex=200 + index)
    pod.close()
    if restart:
        host.die(worker)
        worker = host.worker()
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    assert {link.name for link in host.kernel.links_at(host.path("sandbox-1"))} == {"net1", "net2"}
    assert host.kernel.host_facts() == host.before


def test_a_deleted_device_is_named_as_lost_and_the_other_comes_back() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.veth, host.card)
    pod = inside(host)
    host.kernel.remove_link(index_of(pod, "net1"), host.path("sandbox-1"))
    host.kernel.add_link("net1", namespace=host.path("sandbox-1"), ifindex=300)  # the same kind under the same name
    pod.close()
    detached = worker.detach(host.sandbox(), host.call())
    assert detached.devices == ("ens1",)
    (lost,) = detached.lost
    assert lost.startswith("veth7: ")
    assert host.kernel.host_facts() == {name: facts for name, facts in host.before.items() if name != "veth7"}
    assert [link.name for link in host.kernel.links_at(host.path("sandbox-1"))] == ["net1"]
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert record.phase is Phase.PREPARED
    assert "veth7" in record.reason
    assert host.kernel.open_handles == 0
    worker.unprepare(CLAIM.uid, host.call())
    assert host.ledger.records() == ()


def test_a_device_pulled_while_attached_is_reported_and_not_replaced() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card)
    pod = inside(host)
    host.kernel.remove_link(index_of(pod, "net1"), host.path("sandbox-1"))
    pod.close()
    report = worker.reconcile((host.sandbox(started=True),), host.call())
    assert [finding.verdict for finding in report.findings] == [Verdict.BROKEN]
    assert "ens1" in report.findings[0].reason
    assert report.attached == ()
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), host.call())
    assert caught.value.code is Code.NOT_FOUND
    assert host.gate.opened() == frozenset()


def test_hardware_that_the_kernel_returned_under_the_pods_name_is_restored() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card, host.other)
    host.die(worker)
    host.kernel.kill_namespace(host.path("sandbox-1"))
    assert host.kernel.host.find("net1") is not None
    host.worker()
    assert host.kernel.host_facts() == host.before


def test_hardware_that_the_kernel_returned_under_a_made_up_name_is_restored() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card)
    host.kernel.add_link("net1", ifindex=900)
    host.die(worker)
    host.kernel.kill_namespace(host.path("sandbox-1"))
    assert host.kernel.host.find(f"dev{host.card.identity.ifindex}") is not None
    host.worker()
    assert {name: facts for name, facts in host.kernel.host_facts().items() if name != "net1"} == host.before


def test_hardware_that_comes_back_late_is_restored_by_the_next_attach() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card)
    host.sandbox("nested")
    pod, nested = inside(host), inside(host, "nested")
    pod.move(index_of(pod, "net1"), nested, "net1")  # the pod hides it in a namespace of its own
    pod.close()
    assert len(worker.detach(host.sandbox(), host.call()).lost) == 1
    host.kernel.kill_namespace(host.path("nested"))
    nested.close()
    attached = worker.attach(host.sandbox("sandbox-2"), host.call())
    assert [device.interface for device in attached.devices] == ["net1"]
    worker.detach(host.sandbox("sandbox-2"), host.call())
    assert host.kernel.host_facts() == host.before


def test_a_name_taken_in_the_host_meanwhile_is_told_and_nothing_is_overwritten() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker, host.card)
    host.kernel.add_link("ens1", ifindex=901)
    detached = worker.detach(host.sandbox(), host.call())
    (lost,) = detached.lost
    assert "taken" in lost
    assert host.kernel.host.link(901).name == "ens1"
    assert host.kernel.host.link(host.card.identity.ifindex).name.startswith("knd")
    host.kernel.remove_link(901)
    worker.reconcile((), host.call())
    assert host.kernel.host_facts() == host.before


def test_a_device_that_had_another_index_in_the_pod_has_its_own_again_in_the_host() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(host.card, host.veth), host.call())
    box = host.sandbox()
    for link in (host.card, host.veth):
        host.kernel.add_link(f"p{link.name}", namespace=host.path("sandbox-1"), ifindex=link.identity.ifindex)
    worker.attach(box, host.call())
    assert worker.detach(box, host.call()).lost == ()
    assert host.kernel.host_facts() == host.before


def test_what_the_host_had_and_nobody_can_build_again_is_named_as_lost() -> None:
    host = make_host()
    worker = host.worker()
    host.kernel.unkept("ens1").append("route to 10.9.0.0/16 (by source)")
    host.attached(worker, host.card)
    (lost,) = worker.detach(host.sandbox(), host.call()).lost
    assert "route to 10.9.0.0/16 (by source)" in lost
    assert host.kernel.host_facts() == host.before


def test_what_shaped_the_hosts_traffic_is_there_again_and_nothing_that_the_pod_put_there() -> None:
    host = full_host()
    worker, index = host.worker(), host.card.identity.ifindex
    worker.prepare(host.full_plan(), host.call())
    worker.attach(host.sandbox(), host.call())
    pod = inside(host)
    pod.set_queueing(index, Queueing(queues=(Queue(type="pfifo", handle=0x660000, parent=ROOT),)))
    pod.close()
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    assert host.all_facts()["ens1"].queueing == host.furnished["ens1"].queueing != Queueing()


def test_a_discipline_that_somebody_put_there_first_stays_and_the_hosts_own_is_named() -> None:
    host = full_host()
    worker, index = host.worker(), host.card.identity.ifindex
    worker.prepare(host.full_plan(), host.call())
    worker.attach(host.sandbox(), host.call())
    rival = Queueing(queues=(Queue(type="pfifo", handle=0x660000, parent=ROOT),))
    host.kernel.after_call = lambda call: (
        host.kernel.host.set_queueing(index, rival)
        if call == "move" and index in host.kernel.host._net.devices
        else None
    )
    (lost,) = worker.detach(host.sandbox(), host.call()).lost
    assert "qdisc htb 1: root" in lost
    assert rival.queues[0] in host.all_facts()["ens1"].queueing.queues


def test_an_address_that_was_leased_comes_back_for_the_rest_of_its_time_or_not_at_all() -> None:
    host = make_host()
    worker, index = host.worker(), host.card.identity.ifindex
    lifetime = Lifetime(preferred_until=1e9, valid_until=1e9 + 10)
    leased = tuple(Address(prefix=f"10.9.9.{number}/24") for number in (1, 2))
    for address in leased:
        host.kernel.host.add_address(index, replace(address, lifetime=lifetime))
    before = host.kernel.host_facts()["ens1"]
    assert len(before.expiries) == 2
    host.attached(worker, host.card)
    host.kernel.device(index).lifetimes.clear()
    host.kernel.expired.add("10.9.9.2/24")
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    now = host.kernel.host_facts()["ens1"]
    assert set(before.addresses) - set(now.addresses) == {leased[1]}
    assert [(expiry.prefix, expiry.lifetime) for expiry in now.expiries] == [("10.9.9.1/24", lifetime)]


def test_who_looks_at_all_packets_in_the_host_is_no_reason_to_plan_again_and_gone_with_the_device() -> None:
    host = make_host()
    worker = host.worker()
    made = host.plan(host.card)
    host.kernel.capture("ens1")
    worker.prepare(made, host.call())
    worker.attach(host.sandbox(), host.call())
    assert worker.detach(host.sandbox(), host.call()).lost == ()


def test_a_device_that_became_a_bridge_port_since_prepare_stays() -> None:
    host = make_host()
    worker = host.worker()
    host.kernel.add_link("br0", kind="bridge", ifindex=50)
    port = host.kernel.add_link("ens9", pci_address="0000:3b:00.7", ifindex=51)
    worker.prepare(host.plan(port), host.call())
    host.kernel.remove_link(51)
    host.kernel.add_link("ens9", pci_address="0000:3b:00.7", ifindex=51, master=50)
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), host.call())
    assert caught.value.code is Code.REFUSED
    assert host.kernel.host.link(51).master == 50


def test_an_index_taken_in_the_pod_and_one_taken_in_the_host_cost_nothing() -> None:
    host = make_host()
    worker = host.worker()
    made = host.plan(host.card, host.veth)
    worker.prepare(made, host.call())
    box = host.sandbox()
    for link in (host.card, host.veth):
        host.kernel.add_link(f"p{link.name}", namespace=host.path("sandbox-1"), ifindex=link.identity.ifindex)
    worker.attach(box, host.call())
    pod = inside(host)
    assert index_of(pod, "net2") != host.veth.identity.ifindex
    pod.close()
    host.die(worker)
    worker = host.worker()
    assert worker.detach(box, host.call()).lost == ()
    assert host.kernel.host_facts() == host.before
    worker.attach(box, host.call())
    assert len(worker.held(host.call())) == 2


def test_the_stop_of_an_old_sandbox_after_the_run_of_a_new_one_changes_nothing() -> None:
    host = make_host()
    worker = host.worker()
    host.attached(worker)
    worker.attach(host.sandbox("sandbox-2"), host.call())
    detached = worker.detach(host.sandbox("sandbox-1"), host.call())
    assert detached.devices == ()
    assert {held.sandbox for held in worker.held(host.call())} == {"sandbox-2"}
    assert host.gate.opened() == {CLAIM.uid}
    assert worker.namespaces.held() == {"sandbox-2"}


def test_unprepare_of_one_claim_leaves_the_pods_other_claim_attached() -> None:
    host = make_host()
    worker = host.worker()
    first = host.plan(host.card, name="first", names=("net1",))
    second = host.plan(host.other, name="second", names=("net2",))
    for made in (first, second):
        worker.prepare(made, host.call())
    worker.attach(host.sandbox(), host.call())
    worker.unprepare(first.claim.uid, host.call())
    assert [held.interface for held in worker.held(host.call())] == ["net2"]
    assert host.gate.interfaces == {second.claim.uid: ("net2",)}
    assert host.kernel.host_facts()["ens1"] == host.before["ens1"]
    host.die(worker)
    worker = host.worker()
    assert worker.attach(host.sandbox(), host.call()).already
    worker.unprepare(second.claim.uid, host.call())
    assert host.kernel.host_facts() == host.before
    assert (host.kernel.open_handles, host.ledger.records()) == (0, ())


def test_pods_are_attached_in_parallel() -> None:
    host = make_host()
    worker = host.worker()
    pods = [pod_ref("a"), pod_ref("b")]
    for pod, link in zip(pods, (host.card, host.other), strict=True):
        worker.prepare(host.plan(link, pod=pod, name=pod.name), host.call())
    boxes = [host.sandbox(pod.name, pod) for pod in pods]
    both = threading.Barrier(2, timeout=10)
    waited: set[int] = set()
    held = host.gate.open

    def meet(claim: ClaimRef, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...] = ()) -> None:
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait()  # passes only when both pods are in the middle of their attach
        held(claim, interfaces, nodes)

    host.gate.open = meet  # type: ignore[method-assign]
    threads = [threading.Thread(target=worker.attach, args=(box, host.call())) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(worker.held(host.call())) == 2


def test_commands_for_one_pod_wait_for_each_other_and_agree() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    box, answers = host.sandbox(), []
    threads = [threading.Thread(target=lambda: answers.append(worker.attach(box, host.call()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(not answer.already for answer in answers) == 1
    assert len({answer.devices for answer in answers}) == 1


def test_a_late_repeat_of_an_attach_does_not_attach_again() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), host.call())
    call = host.call()
    first = worker.attach(host.sandbox(), call)
    worker.detach(host.sandbox(), host.call())
    assert worker.attach(host.sandbox(), call) == first
    assert worker.held(host.call()) == ()
    assert host.kernel.host_facts() == host.before


def test_a_key_used_for_something_else_is_refused() -> None:
    host = make_host()
    worker = host.worker()
    call = host.call()
    worker.prepare(host.plan(), call)
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), call)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize("deadline", [float("nan"), float("-inf"), 0.0, -1.0])
def test_a_deadline_that_is_none_is_refused_and_an_infinite_one_serves(deadline: float) -> None:
    from ports.dataplane import Call

    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(), Call(key="k", deadline=float("inf")))
    with pytest.raises(Failure) as caught:
        worker.attach(host.sandbox(), Call(key="l", deadline=deadline))
    assert caught.value.code is Code.DEADLINE


def test_settings_of_the_hardware_that_were_changed_since_prepare_are_those_that_come_back() -> None:
    host = full_host()
    worker, index = host.worker(), host.card.identity.ifindex
    worker.prepare(host.full_plan(), host.call())
    wish = Offloads(settings=(Setting(name="rings/rx", value="1024"),))
    host.offloads.write(host.kernel.host, index, wish)
    changed = host.all_facts()
    worker.attach(host.sandbox(), host.call())
    pod = inside(host)
    host.offloads.write(pod, index, Offloads(settings=(Setting(name="rings/rx", value="64"),)))
    pod.close()
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    assert host.all_facts() == changed


def test_a_table_of_queues_is_a_state_to_return_to_only_of_an_interface_that_is_up() -> None:
    for up in (True, False):
        host = full_host()
        index = host.card.identity.ifindex
        host.offloads.give_settings(host.kernel.host, index, **{"rss/indirection": 10})
        host.kernel.host.set_up(index, up)
        worker = host.worker()
        worker.prepare(host.full_plan(), host.call())
        worker.attach(host.sandbox(), host.call())
        pod = inside(host)
        host.offloads.write(pod, index, Offloads(settings=(Setting(name="rss/indirection", value="11"),)))
        pod.close()
        assert worker.detach(host.sandbox(), host.call()).lost == ()
        found = host.offloads.read(host.kernel.host, index).settings
        assert (Setting(name="rss/indirection", value="10") in found) == up


def test_settings_that_the_driver_takes_no_more_are_named() -> None:
    host = full_host()
    worker, index = host.worker(), host.card.identity.ifindex
    worker.prepare(host.full_plan(), host.call())
    worker.attach(host.sandbox(), host.call())
    pod = inside(host)
    host.offloads.write(pod, index, Offloads(settings=(Setting(name="rings/rx", value="64"),)))
    pod.close()
    host.offloads.most["rings"] = 100
    (lost,) = worker.detach(host.sandbox(), host.call()).lost
    assert "is back in the host with another rings/rx than before" in lost
