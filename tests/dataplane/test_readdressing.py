"""Another lease in a running pod: every kernel call fails once, the process dies at each, time runs out at each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from dataplane.facts import host_facts
from dataplane.leasechange import Change, change
from dataplane.worker import Worker
from ports.devices import LinkFacts
from ports.errors import Code, Failure
from ports.ledger import Phase
from ports.plan import Plan
from tests.dataplane.bench import CLAIM, POD, Crash, Host, make_host
from tests.dataplane.test_crashes import Bomb, BombedLedger
from tests.dataplane.test_faults import MOMENTS, heal, inject
from tests.support.plans import leased_device, leased_plan

OLD, NEW, SAME_NET = "198.18.0.5/24", "198.18.7.9/25", "198.18.0.9/24"
CALLS = 20  # more than there are


def leased(host: Host, address: str, before: tuple[LinkFacts, ...] = (), seconds: float = 600.0) -> Plan:
    """Both cards, the first with this lease and the second with another one."""
    one, two = before or tuple(host_facts(host.machine, link.identity) for link in (host.card, host.other))
    until = host.clock.monotonic() + seconds
    first, second = leased_device(one, address, until), leased_device(two, "198.18.200.2/24", until, "net2")
    return leased_plan(first, second, claim=CLAIM, pod=POD)


def attached(ledger: BombedLedger | None = None) -> tuple[Host, Worker, tuple[LinkFacts, ...]]:
    host = make_host(ledger)
    worker = host.worker()
    made = leased(host, OLD)
    worker.prepare(made, host.call())
    worker.attach(host.sandbox(), host.call())
    return host, worker, tuple(device.before for device in made.devices)


def seen(host: Host) -> dict[str, tuple[set[str], set[str]]]:
    """What the pod's interfaces have: addresses, and routes with their gateways."""
    pod = host.kernel.open(host.path("sandbox-1"))
    found = {
        name: (
            {address.prefix for address in pod.facts(link.identity.ifindex).addresses},
            {f"{route.destination} {route.gateway}" for route in pod.facts(link.identity.ifindex).routes},
        )
        for name in ("net1", "net2")
        if (link := pod.find(name)) is not None
    }
    pod.close()
    return found


def expected(address: str) -> tuple[set[str], set[str]]:
    gateway = {OLD: "198.18.0.254", SAME_NET: "198.18.0.254", NEW: "198.18.7.126"}[address]
    return {address}, {f"0.0.0.0/0 {gateway}", "10.77.0.0/16 10.9.0.1"}


def check(host: Host, address: str) -> None:
    """The pod has this lease and the ledger knows it; nothing is under way; the other interface is untouched."""
    found = seen(host)
    assert found["net1"] == expected(address)
    assert found["net2"] == ({"198.18.200.2/24"}, {"0.0.0.0/0 198.18.200.254", "10.77.0.0/16 10.9.0.1"})
    record = host.ledger.read(POD.uid)
    assert record is not None
    assert (record.phase, record.readdressing) == (Phase.ATTACHED, None)
    assert record.devices[0].addresses == (address,)


@pytest.mark.parametrize("address", [NEW, SAME_NET])
def test_addresses_and_routes_are_those_of_the_new_lease(address: str) -> None:
    host, worker, before = attached()
    worker.readdress(leased(host, address, before), host.call())
    check(host, address)
    worker.detach(host.sandbox(), host.call())
    assert host.kernel.host_facts() == host.before


def test_more_time_is_one_call_and_no_packet_is_lost() -> None:
    host, worker, before = attached()
    host.kernel.calls.clear()
    worker.readdress(leased(host, OLD, before, 6000), host.call())
    changes = [call for call in host.kernel.calls if call.startswith(("add_", "remove_", "set_"))]
    assert changes == ["add_address", "add_address"]
    check(host, OLD)


def test_a_change_of_routes_alone_leaves_the_address() -> None:
    host, _, before = attached()
    made = leased(host, OLD, before)
    device = made.devices[0]
    fewer = replace(device, steps=tuple(step for step in device.steps if step.kind != "add-route"))
    assert change(device, device) == Change()
    there, back = change(fewer, device), change(device, fewer)
    assert (len(there.routes), there.addresses, there.gone_addresses) == (2, (), ())
    assert (len(back.gone_routes), back.routes, back.gone_addresses) == (2, (), ())


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(CALLS))
def test_a_change_that_fails_at_any_call_leaves_the_pod_as_it_was(number: int, moment: str) -> None:
    host, worker, before = attached()
    inject(host.kernel, moment, number)
    failed = False
    try:
        worker.readdress(leased(host, NEW, before), host.call())
    except Failure:
        failed = True
    heal(host.kernel)
    check(host, OLD if failed else NEW)
    worker.readdress(leased(host, NEW, before, 700), host.call())
    check(host, NEW)


def test_more_calls_are_made_to_fail_than_there_are() -> None:
    host, worker, before = attached()
    host.kernel.calls.clear()
    worker.readdress(leased(host, NEW, before), host.call())
    assert 8 < len(host.kernel.calls) < CALLS


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_moment_has_one_outcome_and_asking_again_ends_well(moment: str) -> None:
    for number in range(100):
        ledger = BombedLedger()
        host, worker, before = attached(ledger)
        bomb = Bomb(number, moment)
        ledger.bomb, host.kernel.before_call, host.kernel.after_call = bomb, bomb.before, bomb.after
        with suppress(Crash):
            worker.readdress(leased(host, NEW, before), host.call())
        ledger.bomb = None
        heal(host.kernel)
        host.die(worker)
        worker = host.worker()
        record = host.ledger.read(POD.uid)
        assert record is not None
        check(host, record.devices[0].addresses[0])
        worker.readdress(leased(host, NEW, before, 700), host.call())
        check(host, NEW)
        if not bomb.gone_off:
            assert number > 8
            return
    raise AssertionError("never comes to an end")


@pytest.mark.parametrize("calls", range(1, 12))
def test_time_that_runs_out_at_any_call_leaves_the_pod_as_it_was(calls: int) -> None:
    host, worker, before = attached()
    left = [calls]

    def tick(call: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            host.clock.advance(60)

    host.kernel.before_call = tick
    outcome = NEW
    try:
        worker.readdress(leased(host, NEW, before), host.call(seconds=30))
    except Failure as failure:
        assert failure.code is Code.DEADLINE
        outcome = OLD
    heal(host.kernel)
    check(host, outcome)


@pytest.mark.parametrize("write", [0, 1])
def test_a_ledger_that_cannot_be_written_leaves_the_pod_as_it_was(write: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host, worker, before = attached()
    real, left = host.ledger.write, [write]

    def full(record: object) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Failure(Code.UNAVAILABLE, "ledger", "No space left on device")
        real(record)  # type: ignore[arg-type]

    monkeypatch.setattr(host.ledger, "write", full)
    with pytest.raises(Failure, match="No space"):
        worker.readdress(leased(host, NEW, before), host.call())
    check(host, OLD)


def test_a_device_that_is_not_in_the_pod_any_more_is_not_found() -> None:
    host, worker, before = attached()
    pod = host.kernel.open(host.path("sandbox-1"))
    link = pod.find("net1")
    assert link is not None
    host.kernel.remove_link(link.identity.ifindex, host.path("sandbox-1"))
    pod.close()
    with pytest.raises(Failure) as caught:
        worker.readdress(leased(host, NEW, before), host.call())
    assert caught.value.code is Code.NOT_FOUND


def test_a_pod_that_renamed_its_interface_keeps_its_lease() -> None:
    host, worker, before = attached()
    pod = host.kernel.open(host.path("sandbox-1"))
    link = pod.find("net1")
    assert link is not None
    index = link.identity.ifindex
    pod.set_up(index, False)
    pod.rename(index, "mine0")
    pod.set_up(index, True)
    worker.readdress(leased(host, NEW, before), host.call())
    assert [address.prefix for address in pod.addresses(index)] == [NEW]
    pod.close()


@pytest.mark.parametrize(("preferred", "valid"), [(5.0, 1.0), (0.0, 9.0), (float("nan"), 9.0), (1.0, float("inf"))])
def test_a_lifetime_that_cannot_be_is_refused(preferred: float, valid: float) -> None:
    host, worker, before = attached()
    made = leased(host, NEW, before)
    first = made.devices[0]
    steps = list(first.steps)
    for number, step in enumerate(steps):
        if step.kind == "add-address":
            lifetime = replace(step.address.lifetime, preferred_until=preferred, valid_until=valid)  # type: ignore[type-var]
            steps[number] = replace(step, address=replace(step.address, lifetime=lifetime))
    with pytest.raises(Failure, match="lifetime") as caught:
        worker.readdress(replace(made, devices=(replace(first, steps=tuple(steps)), *made.devices[1:])), host.call())
    assert caught.value.code is Code.INVALID
