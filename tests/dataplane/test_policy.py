"""Plans that an honest frontend would never make, and devices that must stay where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplane.exclusions import NodeExclusions
from dataplane.worker import Worker
from ports.devices import Address, Route
from ports.errors import Code, Failure
from ports.hardware import PciFacts
from ports.nodeconfig import EMPTY, Selector
from ports.plan import (
    AddAddress,
    AddRoute,
    ClaimRef,
    DevicePlan,
    Move,
    Plan,
    PodRef,
    Release,
    Rename,
    SetMac,
    SetMtu,
    SetUp,
    Step,
)
from tests.dataplane.bench import Host, make_host
from tests.support.plans import pod_ref

FORGED: dict[str, tuple[Step, ...]] = {
    "nothing": (),
    "no release": (Move(temporary_name="knd1"), Rename(name="net1"), SetUp()),
    "no move": (Release(), Rename(name="net1"), SetUp()),
    "move before release": (Move(temporary_name="knd1"), Release(), Rename(name="net1")),
    "no rename": (Release(), Move(temporary_name="knd1"), SetUp()),
    "two moves": (Release(), Move(temporary_name="knd1"), Move(temporary_name="knd2"), Rename(name="net1")),
    "address after up": (
        *(base := (Release(), Move(temporary_name="knd1"), Rename(name="net1"))),
        SetUp(),
        AddAddress(address=Address(prefix="192.0.2.1/24")),
    ),
    "mtu after rename": (*base, SetMtu(mtu=1400, before=1500)),
    "name of another's temporary": (Release(), Move(temporary_name="eth0"), Rename(name="net1")),
    "empty temporary name": (Release(), Move(temporary_name=""), Rename(name="net1")),
    "long temporary name": (Release(), Move(temporary_name="knd" + "a" * 13), Rename(name="net1")),
    "eth0": (*base[:2], Rename(name="eth0")),
    "lo": (*base[:2], Rename(name="lo")),
    "long name": (*base[:2], Rename(name="a" * 16)),
    "name with a slash": (*base[:2], Rename(name="../net")),
    "name with a newline": (*base[:2], Rename(name="net1\n")),
    "name with a percent sign": (*base[:2], Rename(name="net%d")),
    "no name": (*base[:2], Rename(name="")),
    "mtu too small": (*base[:2], SetMtu(mtu=20, before=1500), base[2]),
    "mtu too large": (*base[:2], SetMtu(mtu=1 << 20, before=1500), base[2]),
    "mtu before is a lie": (*base[:2], SetMtu(mtu=1400, before=1499), base[2]),
    "multicast mac": (*base[:2], SetMac(mac="01:00:5e:00:00:01", before="02:00:00:00:00:01"), base[2]),
    "zero mac": (*base[:2], SetMac(mac="00:00:00:00:00:00", before="02:00:00:00:00:01"), base[2]),
    "mac before is a lie": (*base[:2], SetMac(mac="02:00:5e:00:00:01", before="02:00:00:00:00:99"), base[2]),
    "no mac": (*base[:2], SetMac(mac="hello", before="02:00:00:00:00:01"), base[2]),
    "address without prefix": (*base, AddAddress(address=Address(prefix="192.0.2.1"))),
    "address with a zone": (*base, AddAddress(address=Address(prefix="fe80::1%ens1/64"))),
    "no address": (*base, AddAddress(address=Address(prefix="hello/24"))),
    "address with a wild scope": (*base, AddAddress(address=Address(prefix="192.0.2.1/24", scope=4096))),
    "route to nowhere": (*base, AddRoute(route=Route(destination="hello"))),
    "route over families": (*base, AddRoute(route=Route(destination="192.0.2.0/24", gateway="2001:db8::1"))),
    "route in table 0": (*base, AddRoute(route=Route(destination="192.0.2.0/24", table=0))),
    "route of nowhere scope": (*base, AddRoute(route=Route(destination="192.0.2.0/24", scope=255))),
    "a thousand addresses": (
        *base,
        *(AddAddress(address=Address(prefix=f"10.0.{n // 250}.{n % 250}/32")) for n in range(1000)),
    ),
}


def with_steps(host: Host, steps: tuple[Step, ...]) -> Plan:
    made = host.plan(host.card)
    return replace(made, devices=(replace(made.devices[0], steps=steps),))


def refused(host: Host, plan: Plan, started: Worker | None = None) -> Failure:
    worker = started or host.worker()
    with pytest.raises(Failure) as caught:
        worker.prepare(plan, host.call())
    assert host.ledger.records() == ()
    assert host.kernel.host_facts() == host.before
    return caught.value


@pytest.mark.parametrize("steps", FORGED.values(), ids=FORGED.keys())
def test_a_forged_plan_is_refused_before_the_kernel_is_asked(steps: tuple[Step, ...]) -> None:
    host = make_host()
    plan = with_steps(host, steps)
    worker = host.worker()
    calls = len(host.kernel.calls)
    failure = refused(host, plan, worker)
    assert failure.code is Code.INVALID
    assert len(host.kernel.calls) == calls


@pytest.mark.parametrize("uid", ["", "../../etc/passwd", "a/b", "a" * 200, "a\n", ".", "..", "a..b", "-a"])
@pytest.mark.parametrize("whose", ["claim", "pod"])
def test_a_uid_that_could_leave_its_directory_is_refused(uid: str, whose: str) -> None:
    host = make_host()
    made = host.plan(host.card)
    if whose == "claim":
        forged = replace(made, claim=ClaimRef(namespace="apps", name="nics", uid=uid))
    else:
        forged = replace(made, pod=PodRef(namespace="apps", name="web", uid=uid))
    assert refused(host, forged).code is Code.INVALID


def test_a_plan_without_devices_or_with_one_twice_is_refused() -> None:
    host = make_host()
    made = host.plan(host.card)
    twice: tuple[DevicePlan, ...] = (made.devices[0], made.devices[0])
    for devices in ((), twice):
        assert refused(host, replace(made, devices=devices)).code is Code.INVALID


def test_the_loopback_is_refused() -> None:
    host = make_host()
    made = host.plan(host.kernel.host.link(1))
    assert refused(host, made).code is Code.REFUSED


def test_an_uplink_is_refused() -> None:
    host = make_host()
    uplink = host.kernel.host.find("uplink0")
    assert uplink is not None
    assert refused(host, host.plan(uplink)).code is Code.REFUSED


class NoFunctions:
    """PCI functions of which nothing is known but a made-up vendor and driver."""

    def identity(self, pci_address: str) -> PciFacts:
        return PciFacts(vendor="15b3", driver="mlx5_core")


def denying(host: Host, *selectors: Selector) -> None:
    """The node's configuration has these on its list."""
    config = replace(EMPTY, deny=selectors)
    host.machine = replace(host.machine, exclusions=NodeExclusions(lambda: config, NoFunctions()))


@pytest.mark.parametrize(
    "selector",
    [
        Selector(interfaces=("ens*",)),
        Selector(pciAddresses=("0000:3b:00.*",)),
        Selector(vendors=("15b3",), drivers=("mlx5_*",)),
    ],
    ids=["name", "PCI address", "vendor and driver"],
)
def test_a_device_that_the_node_denies_is_refused(selector: Selector) -> None:
    host = make_host()
    denying(host, selector)
    failure = refused(host, host.plan(host.card))
    assert (failure.code, failure.hint) == (
        Code.REFUSED,
        "choose another, or take it off the list deny of the node",
    )


def test_a_device_that_is_on_no_list_is_not_refused() -> None:
    host = make_host()
    denying(host, Selector(vendors=("8086",)), Selector(interfaces=("eth*",)))
    host.worker().prepare(host.plan(host.card), host.call())


def test_while_the_list_cannot_be_read_every_device_is_refused() -> None:
    host = make_host()
    host.machine = replace(host.machine, exclusions=NodeExclusions(lambda: None, NoFunctions()))
    assert refused(host, host.plan(host.card)).code is Code.REFUSED


def test_a_device_that_is_denied_after_it_was_prepared_does_not_leave() -> None:
    host = make_host()
    host.worker().prepare(host.plan(host.card), host.call())
    denying(host, Selector(interfaces=("ens*",)))
    with pytest.raises(Failure, match="denies it") as caught:
        host.worker().attach(host.sandbox(), host.call())
    assert caught.value.code is Code.REFUSED
    assert host.kernel.host_facts() == host.before


def test_a_device_that_the_node_needs_since_it_was_prepared_does_not_leave() -> None:
    host = make_host()
    host.worker().prepare(host.plan(host.card), host.call())
    uplink = host.kernel.host.find("uplink0")
    assert uplink is not None
    host.kernel.host.remove_route(uplink.identity.ifindex, host.kernel.host.facts(uplink.identity.ifindex).routes[0])
    host.kernel.host.add_route(host.card.identity.ifindex, Route(destination="0.0.0.0/0", gateway="192.0.2.77"))
    host.before = host.kernel.host_facts()
    with pytest.raises(Failure, match="the node itself depends on") as caught:
        host.worker().attach(host.sandbox(), host.call())
    assert caught.value.code is Code.REFUSED
    assert host.kernel.host_facts() == host.before


def test_a_port_of_a_bridge_is_refused() -> None:
    host = make_host()
    host.kernel.add_link("br0", kind="bridge", ifindex=50)
    port = host.kernel.add_link("ens9", pci_address="0000:3b:00.7", ifindex=51, master=50)
    host.before = host.kernel.host_facts()
    failure = refused(host, host.plan(port))
    assert failure.code is Code.REFUSED
    assert "#50" in failure.detail


@pytest.mark.parametrize("what", ["mtu", "mac", "down", "address", "route"])
def test_a_host_that_changed_since_it_was_read_is_a_conflict(what: str) -> None:
    host = make_host()
    made, index, ns = host.plan(host.card), host.card.identity.ifindex, host.kernel.host
    if what == "mtu":
        ns.set_mtu(index, 1400)
    elif what == "address":
        ns.add_address(index, Address(prefix="198.18.1.1/24"))
    elif what == "route":
        ns.add_route(index, Route(destination="203.0.113.0/24", gateway="192.0.2.77"))
    else:
        ns.set_up(index, False)
        if what == "mac":
            ns.set_mac(index, "02:00:00:00:00:99")
    host.before = host.kernel.host_facts()
    failure = refused(host, made)
    assert failure.code is Code.CONFLICT
    assert failure.retryable


def test_the_carrier_may_come_and_go_between_reading_and_preparing() -> None:
    host = make_host()
    made = host.plan(host.card)
    before = made.devices[0].before
    flapped = replace(before, link=replace(before.link, operstate="lowerlayerdown"))
    host.worker().prepare(replace(made, devices=(replace(made.devices[0], before=flapped),)), host.call())


def test_a_lie_about_who_the_device_is_finds_no_device() -> None:
    host = make_host()
    made = host.plan(host.card)
    before = made.devices[0].before
    liar = replace(before.link, identity=replace(before.link.identity, pci_address="0000:ff:00.0"))
    forged = replace(made, devices=(replace(made.devices[0], before=replace(before, link=liar)),))
    assert refused(host, forged).code is Code.NOT_FOUND


def test_two_claims_of_a_pod_cannot_have_one_name() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(host.card, name="first", names=("net1",)), host.call())
    with pytest.raises(Failure, match="net1") as caught:
        worker.prepare(host.plan(host.other, name="second", names=("net1",)), host.call())
    assert caught.value.code is Code.CONFLICT


def test_the_temporary_name_of_another_claim_is_a_conflict() -> None:
    host = make_host()
    worker = host.worker()
    first = host.plan(host.card, name="first")
    worker.prepare(first, host.call())
    second = host.plan(host.other, name="second", pod=pod_ref("other"))
    move = next(step for step in first.devices[0].steps if isinstance(step, Move))
    steps = tuple(move if isinstance(step, Move) else step for step in second.devices[0].steps)
    with pytest.raises(Failure) as caught:
        worker.prepare(replace(second, devices=(replace(second.devices[0], steps=steps),)), host.call())
    assert caught.value.code is Code.CONFLICT


def test_a_claim_prepared_for_one_pod_is_a_conflict_for_another() -> None:
    host = make_host()
    worker = host.worker()
    worker.prepare(host.plan(host.card), host.call())
    with pytest.raises(Failure) as caught:
        worker.prepare(host.plan(host.other, pod=pod_ref("other")), host.call())
    assert caught.value.code is Code.CONFLICT
