"""Leases in a pod on a real kernel: what ``ip`` shows of their time, that the kernel itself ends them, and a change of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.domain.claims import Allocated, Configured
from agent.domain.leasing import lost, with_leases
from agent.domain.planning import plan
from agent.domain.renewal import renewed
from ports.dhcp import Kept, Lease, LeasedRoute
from ports.netconfig import decode
from tests.contracts.dataplane.contract import CLAIM, POD, call, facts, sandbox
from tests.netns.fields import Pod
from tests.support.eventually import eventually

pytestmark = pytest.mark.netns
VRF = {"interface": {"name": "net1", "dhcp": True, "vrf": {"name": "blue", "table": 77}}}


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    made = Pod(tmp_path)
    yield made
    made.close()


def lease(address: str, seconds: float = 600.0, *routes: tuple[str, str | None]) -> Lease:
    now = time.monotonic()
    return Lease(
        family=6 if ":" in address else 4,
        address=address,
        server="c0000201",
        server_mac="02:00:00:00:44:01",
        renew_at=now + seconds / 2,
        rebind_at=now + seconds * 0.8,
        preferred_until=now + seconds - 1,
        valid_until=now + seconds,
        routes=tuple(LeasedRoute(destination=to, gateway=by) for to, by in routes),
    )


def attach(pod: Pod, *leases: Lease, **more: Any) -> None:
    pod.before = facts(pod.bench)
    parameters = {"interface": {"name": "net1", "dhcp": True, "ipv6": {"dhcp": True}}, **more}
    device = Configured(allocated=Allocated(request="nic", pool="node1", device="ens1"), config=decode(parameters))
    made = with_leases(device, pod.before[0], leases)
    pod.plan = plan(CLAIM, POD, (made,), {"ens1": pod.before[0]})
    pod.bench.dataplane.prepare(pod.plan, call(pod.bench))
    pod.bench.dataplane.attach(sandbox(pod.bench), call(pod.bench))


def change(pod: Pod, old: Lease | None, new: Lease | None) -> tuple[str, ...]:
    assert pod.plan is not None
    identity = pod.bench.devices[0]
    family = (old or new or lease("192.0.2.1/24")).family
    kept = Kept(device="ens1", identity=identity, family=family, mac="02:00:00:00:00:01", lease=new, applied=old)
    pod.plan = renewed(pod.plan, kept)
    (device,) = pod.bench.dataplane.readdress(pod.plan, call(pod.bench))
    return device.addresses


def left(pod: Pod) -> dict[str, int]:
    """Seconds that each address has left, as ``ip`` tells."""
    return {each["local"]: each["valid_life_time"] for each in pod.addresses()}


def test_the_kernel_knows_until_when_an_address_may_be_used(pod: Pod) -> None:
    four, six = lease("198.18.0.5/24", 600, ("0.0.0.0/0", "198.18.0.1")), lease("2001:db8:5::5/128", 300)
    attach(pod, four, six)
    seconds = left(pod)
    assert 500 < seconds["198.18.0.5"] <= 600
    assert 200 < seconds["2001:db8:5::5"] <= 300
    (route,) = pod.routes()
    assert (route["dst"], route["gateway"], route["protocol"]) == ("default", "198.18.0.1", "dhcp")
    assert route["metric"] == 1024 + pod.index()
    assert change(pod, four, replace(four, valid_until=four.valid_until + 6000)) == (
        "198.18.0.5/24",
        "2001:db8:5::5/128",
    )
    assert left(pod)["198.18.0.5"] > 6000
    pod.detach()


def test_the_kernel_itself_ends_a_lease_that_nobody_prolongs(pod: Pod) -> None:
    attach(pod, lease("198.18.0.5/24", 4, ("10.1.0.0/16", "198.18.0.1")))
    assert set(left(pod)) == {"198.18.0.5"}
    eventually(lambda: left(pod) == {}, 30)
    assert pod.routes() == []
    pod.detach()


def test_another_address_brings_its_routes_and_those_of_the_claim_stay(pod: Pod) -> None:
    old = lease("198.18.0.5/24", 600, ("0.0.0.0/0", "198.18.0.1"), ("10.1.0.0/16", "198.18.0.2"))
    new = lease("198.18.0.9/24", 600, ("0.0.0.0/0", "198.18.0.3"), ("203.0.113.0/24", None))
    attach(pod, old, routes=[{"destination": "10.9.0.0/16", "gateway": "198.18.0.77"}])
    assert change(pod, old, new) == ("198.18.0.9/24",)
    found = {(each["dst"], each.get("gateway")) for each in pod.routes()}
    assert found == {("default", "198.18.0.3"), ("203.0.113.0/24", None), ("10.9.0.0/16", "198.18.0.77")}
    assert change(pod, new, lost(new)) == ()
    assert pod.routes() == []
    assert change(pod, lost(new), old) == ("198.18.0.5/24",)
    found = {(each["dst"], each.get("gateway")) for each in pod.routes()}
    assert found == {("default", "198.18.0.1"), ("10.1.0.0/16", "198.18.0.2"), ("10.9.0.0/16", "198.18.0.77")}
    pod.detach()
