"""Virtual functions and their physical function: what a pod changed comes back, what the administrator changed stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplane.worker import Worker
from ports.devices import LinkFacts
from ports.errors import Code, Failure
from ports.sriov import VirtualFunction
from tests.dataplane.bench import Host, make_host

OWN, PODS, ADMINISTRATORS = "02:00:00:00:00:01", "02:66:66:66:66:66", "02:aa:aa:aa:aa:aa"
FUNCTION = VirtualFunction(number=1, mac=OWN, spoof_check=True, trust=False, link_state=0, query_rss=False)


def virtual() -> Host:
    """A host whose card is a virtual function."""
    host = make_host()
    host.kernel.device(host.card.identity.ifindex).function = FUNCTION
    return host


def physical() -> Host:
    """A host whose card has two virtual functions."""
    host = make_host()
    functions = host.kernel.device(host.card.identity.ifindex).functions
    functions += (replace(FUNCTION, number=number) for number in range(2))
    host.before = host.kernel.host_facts()
    return host


def attached(host: Host) -> Worker:
    worker = host.worker()
    host.attached(worker, host.card)
    return worker


def set_mac_in_the_pod(host: Host) -> None:
    pod = host.kernel.open(host.path("sandbox-1"))
    index = host.card.identity.ifindex
    pod.set_up(index, False)
    pod.set_mac(index, PODS)
    pod.close()


def refuse(call: str) -> None:
    if call == "set_functions":
        raise Failure(Code.KERNEL, call, "Operation not supported")


def back(host: Host, worker: Worker) -> tuple[LinkFacts, VirtualFunction | None]:
    assert worker.detach(host.sandbox(), host.call()).lost == ()
    return host.kernel.host_facts()["ens1"], host.kernel.host.function(host.card.identity.ifindex)


def test_an_address_that_the_pod_gave_its_function_is_gone_from_the_physical_one_too() -> None:
    host = virtual()
    worker = attached(host)
    set_mac_in_the_pod(host)
    assert back(host, worker) == (host.before["ens1"], FUNCTION)


@pytest.mark.parametrize("tampered", [False, True])
def test_what_the_administrator_set_meanwhile_stays_and_the_function_gets_the_address_he_gave_it(
    tampered: bool,
) -> None:
    host = virtual()
    worker = attached(host)
    if tampered:
        set_mac_in_the_pod(host)
    device = host.kernel.device(host.card.identity.ifindex)
    device.function, device.fixed = replace(FUNCTION, mac=ADMINISTRATORS, vlan=100, trust=True), True
    found, function = back(host, worker)
    assert found.link.mac == ADMINISTRATORS
    assert function == replace(FUNCTION, mac=ADMINISTRATORS, vlan=100, trust=True)
    before = host.before["ens1"]
    assert replace(found, link=replace(found.link, mac=before.link.mac)) == before


def test_an_address_that_the_administrator_gave_and_the_driver_has_taken_up_is_no_loss() -> None:
    host = virtual()
    worker = attached(host)
    device = host.kernel.device(host.card.identity.ifindex)
    device.function, device.fixed = replace(FUNCTION, mac=ADMINISTRATORS), True
    device.change(mac=ADMINISTRATORS)  # as drivers do when they are reset
    found, function = back(host, worker)
    assert (found.link.mac, function) == (ADMINISTRATORS, device.function)


def test_what_the_administrator_set_since_prepare_is_no_reason_to_plan_again() -> None:
    host = virtual()
    worker = host.worker()
    worker.prepare(host.plan(host.card), host.call())
    host.kernel.device(host.card.identity.ifindex).function = replace(FUNCTION, vlan=100)
    worker.attach(host.sandbox(), host.call())
    _, function = back(host, worker)
    assert function == replace(FUNCTION, vlan=100)


def test_what_a_pod_set_of_the_functions_of_its_physical_one_is_set_back_and_no_address_of_theirs() -> None:
    host = physical()
    worker = attached(host)
    pod = host.kernel.open(host.path("sandbox-1"))
    index = host.card.identity.ifindex
    hostile = replace(FUNCTION, vlan=66, trust=True, spoof_check=False, max_rate=1, link_state=2)
    pod.set_functions(index, (hostile,))
    pod.close()
    device = host.kernel.device(index)
    device.functions[0] = replace(device.functions[0], mac=PODS)  # its owner, another pod, has one of its own
    found, _ = back(host, worker)
    assert found.functions == (replace(FUNCTION, number=0, mac=PODS), FUNCTION)


def test_what_the_driver_refuses_to_set_back_is_named() -> None:
    host = physical()
    worker = attached(host)
    device = host.kernel.device(host.card.identity.ifindex)
    device.functions[1] = replace(FUNCTION, vlan=66)
    host.kernel.before_call = refuse
    (lost,) = worker.detach(host.sandbox(), host.call()).lost
    assert "another virtual function 1 than before" in lost


@pytest.mark.parametrize("number", range(2))
def test_an_address_that_is_refused_once_is_not_taken_for_the_administrators(number: int) -> None:
    host = virtual()
    worker = attached(host)
    set_mac_in_the_pod(host)
    left = [number]

    def refuse_once(call: str) -> None:
        if call == "set_mac":
            left[0] -= 1
            if left[0] == -1:
                raise Failure(Code.KERNEL, call, "Device or resource busy")

    host.kernel.before_call = refuse_once
    assert back(host, worker) == (host.before["ens1"], FUNCTION)
