"""Leases from Prepare to Unprepare, with servers in memory and time that jumps."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from ports.dataplane import Call, Sandbox
from ports.devices import Route
from ports.dhcp import Standing
from ports.errors import Code, Failure
from ports.netconfig import decode
from ports.plan import AddAddress, AddRoute, Plan, SetMtu
from tests.services.support import CLAIM, Bench, opaque
from tests.support.dhcp.server4 import DISCOVER, RELEASE, REQUEST, Server4
from tests.support.dhcp.server6 import RENEW, Server6

ROUTER = IPv4Address("192.0.2.1").packed
METRIC = 1024 + 3


class Leased(Bench):
    """A node whose first card is on a network with DHCP servers of both families."""

    def __init__(self) -> None:
        super().__init__()
        self.server4 = Server4(options={3: ROUTER, 6: ROUTER, 26: struct.pack("!H", 1400)})
        self.server6 = Server6(rapid=True)
        self.channels.servers = {("ens1", 4): self.server4.answer, ("ens1", 6): self.server6.answer}

    def wants(self, **parameters: Any) -> None:
        """The claim asks for the first card with these parameters, by DHCP unless said."""
        interface = {"name": "net1", "dhcp": True, **parameters.pop("interface", {})}
        self.claim("ens1", config=[opaque(interface=interface, **parameters)])

    def plan(self) -> Plan:
        """The plan that the dataplane holds."""
        found = self.dataplane.prepared(CLAIM.uid, Call(key="t", deadline=self.clock.monotonic() + 10))
        assert found is not None
        return found

    def steps(self, kind: type[Any]) -> list[Any]:
        """The plan's steps of that kind."""
        return [step for step in self.plan().devices[0].steps if isinstance(step, kind)]

    def addresses(self) -> list[str]:
        """The addresses in the plan."""
        return [step.address.prefix for step in self.steps(AddAddress)]

    def attach(self) -> None:
        """The pod gets its device."""
        self.host.namespaces.add("/var/run/netns/pod")
        box = Sandbox(id="sandbox", pod_uid="pod-uid", netns="/var/run/netns/pod")
        self.dataplane.attach(box, Call(key="a", deadline=self.clock.monotonic() + 10))

    def in_pod(self) -> tuple[str, ...]:
        """The addresses that the pod's interface has."""
        return tuple(address.prefix for address in self.host.facts[3].addresses)

    def later(self, seconds: float, steps: int = 4) -> None:
        """So much later, the loop does what is due."""
        self.clock.advance(seconds)
        for _ in range(steps):
            self.renewing.step()

    def reasons(self) -> list[str]:
        """Of the Events."""
        return [notice.reason for notice in self.notices.kept]


@pytest.fixture
def bench() -> Leased:
    return Leased()


def test_a_lease_becomes_part_of_the_plan(bench: Leased) -> None:
    bench.wants()
    assert bench.prepare() == ""
    (address,) = bench.steps(AddAddress)
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.lease is not None
    assert address.address.prefix == "192.0.2.100/24"
    assert address.address.lifetime.valid_until == kept.lease.valid_until
    (route,) = bench.steps(AddRoute)
    assert route.route == Route(destination="0.0.0.0/0", gateway="192.0.2.1", metric=METRIC, protocol=16)
    assert [step.mtu for step in bench.steps(SetMtu)] == [1400]
    assert bench.leasings.values[CLAIM.uid].standing is Standing.HELD
    assert kept.applied == kept.lease


def test_the_server_is_asked_with_the_hardware_address_of_the_pod(bench: Leased) -> None:
    bench.wants(interface={"hardwareAddr": "02:00:5e:10:00:77"})
    assert bench.prepare() == ""
    assert {asked.mac for asked in bench.server4.asked} == {"02:00:5e:10:00:77"}
    assert [wish.mac for wish, _ in bench.channels.opened] == ["02:00:5e:10:00:77"]
    assert all(channel.closed for _, channel in bench.channels.opened)


def test_what_the_claim_says_wins_over_what_the_server_says(bench: Leased) -> None:
    bench.wants(interface={"mtu": 1300}, routes=[{"destination": "0.0.0.0/0", "gateway": "192.0.2.9"}])
    assert bench.prepare() == ""
    assert [step.mtu for step in bench.steps(SetMtu)] == [1300]
    assert [step.route.gateway for step in bench.steps(AddRoute)] == ["192.0.2.9"]


def test_an_mtu_that_the_device_does_not_have_is_not_taken(bench: Leased) -> None:
    bench.server4.options[26] = struct.pack("!H", 65000)
    bench.wants()
    assert bench.prepare() == ""
    assert bench.steps(SetMtu) == []


def test_an_mtu_that_ipv6_cannot_live_with_is_not_taken_where_ipv6_is_leased(bench: Leased) -> None:
    bench.server4.options[26] = struct.pack("!H", 1000)
    bench.wants(interface={"ipv6": {"dhcp": True}})
    assert bench.prepare() == ""
    assert bench.steps(SetMtu) == []


def test_routes_on_the_link_and_gateways_outside_of_the_network_work(bench: Leased) -> None:
    direct = b"\x10\xc6\x12" + bytes(4)
    behind = b"\x18\x0a\x01\x02" + IPv4Address("198.18.0.1").packed
    far = b"\x00" + IPv4Address("203.0.113.1").packed
    bench.server4.options[121] = far + behind + direct
    bench.wants()
    assert bench.prepare() == ""
    found = {(r.route.destination, r.route.gateway): (r.route.scope, r.route.onlink) for r in bench.steps(AddRoute)}
    assert found == {
        ("198.18.0.0/16", None): (253, False),
        ("10.1.2.0/24", "198.18.0.1"): (0, False),
        ("0.0.0.0/0", "203.0.113.1"): (0, True),
    }


def test_both_families_are_leased_side_by_side(bench: Leased) -> None:
    bench.wants(interface={"ipv6": {"dhcp": True}})
    assert bench.prepare() == ""
    assert bench.addresses() == ["192.0.2.100/24", "2001:db8::100/128"]


def test_ipv6_alone_is_leased_beside_fixed_addresses_of_ipv4(bench: Leased) -> None:
    bench.wants(interface={"dhcp": False, "addresses": ["198.51.100.7/24"], "ipv6": {"dhcp": True}})
    assert bench.prepare() == ""
    assert bench.addresses() == ["198.51.100.7/24", "2001:db8::100/128"]


def test_a_server_that_does_not_answer_is_told_inside_the_kubelets_deadline(bench: Leased) -> None:
    bench.channels.servers.clear()
    bench.wants()
    deadline = bench.deadline
    (answer,) = bench.resources.prepare((CLAIM,), deadline)
    assert "no DHCPv4 server gave an address for" in answer.error
    assert bench.clock.monotonic() < deadline - 2
    assert bench.dataplane.ledger.records() == ()
    assert bench.leasings.values == {}


def test_a_missing_carrier_is_told(bench: Leased) -> None:
    bench.channels.servers.clear()
    bench.channels.running = False
    bench.wants()
    assert "no carrier" in bench.prepare()


def test_a_lease_waits_for_the_next_try_and_no_second_one_is_asked_for(bench: Leased) -> None:
    bench.wants()
    bench.dataplane.faults.fail("prepare", Failure(Code.KERNEL, "ens1", "busy"))
    assert "busy" in bench.prepare()
    assert bench.leasings.values[CLAIM.uid].standing is Standing.SOUGHT
    assert bench.prepare() == ""
    assert bench.server4.kinds().count(DISCOVER) == 1
    assert bench.leasings.values[CLAIM.uid].standing is Standing.HELD


def test_a_lease_of_a_claim_that_nobody_tries_again_is_given_back(bench: Leased) -> None:
    bench.wants()
    bench.dataplane.faults.fail("prepare", Failure(Code.KERNEL, "ens1", "busy"))
    bench.prepare()
    bench.later(100)
    assert bench.server4.leases
    bench.later(200)
    assert bench.server4.leases == {}
    assert bench.leasings.values == {}


def test_a_lease_is_given_back_at_unprepare(bench: Leased) -> None:
    bench.wants(interface={"ipv6": {"dhcp": True}})
    bench.prepare()
    assert bench.unprepare() == ""
    assert (bench.server4.leases, bench.server6.leases, bench.leasings.values) == ({}, {}, {})
    assert bench.unprepare() == ""


def test_what_cannot_be_given_back_now_is_given_back_later(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.channels.running = False
    assert bench.unprepare() == ""
    assert bench.server4.leases
    bench.later(5)
    assert bench.leasings.values[CLAIM.uid].standing is Standing.ENDED
    bench.channels.running = True
    bench.later(120)
    assert (bench.server4.leases, bench.leasings.values) == ({}, {})


def test_what_cannot_be_given_back_is_forgotten_when_it_is_over(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.channels.refusal = Failure(Code.CONFLICT, "ens1", "is held by another claim")
    bench.unprepare()
    bench.later(300)
    assert bench.leasings.values
    bench.later(400)
    assert bench.leasings.values == {}


@pytest.mark.parametrize("attached", [False, True])
def test_a_lease_is_renewed_in_time_and_only_gets_longer(bench: Leased, attached: bool) -> None:
    bench.wants()
    bench.prepare()
    if attached:
        bench.attach()
    first = bench.steps(AddAddress)[0].address.lifetime
    bench.later(299)
    assert bench.server4.kinds().count(REQUEST) == 1
    bench.later(2)
    assert bench.server4.asked[-1].target == "192.0.2.1"
    (address,) = bench.steps(AddAddress)
    assert address.address.prefix == "192.0.2.100/24"
    assert address.address.lifetime.valid_until > first.valid_until + 299
    assert (bench.ended, bench.reasons()) == ([], [])


def test_both_families_are_renewed_each_in_its_time(bench: Leased) -> None:
    bench.wants(interface={"ipv6": {"dhcp": True}})
    bench.prepare()
    bench.attach()
    bench.later(201)
    assert RENEW in bench.server6.kinds()
    assert bench.server4.kinds().count(REQUEST) == 1
    bench.later(100)
    assert bench.server4.kinds().count(REQUEST) == 2
    assert bench.addresses() == ["192.0.2.100/24", "2001:db8::100/128"]


def test_renewals_go_on_after_a_restart(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.restarted()
    bench.later(301)
    assert bench.server4.kinds().count(REQUEST) == 2


def test_a_server_that_refuses_loses_us_the_address_at_once_and_another_one_is_looked_for(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.server4.nak = True
    bench.later(301, steps=1)
    bench.renewing.step()
    assert bench.in_pod() == ()
    assert bench.steps(AddRoute) == []
    bench.server4.nak = False
    bench.server4.leases.clear()
    bench.server4.addresses = ["192.0.2.177"]
    bench.later(30)
    assert bench.addresses() == ["192.0.2.177/24"]
    assert [step.route.gateway for step in bench.steps(AddRoute)] == ["192.0.2.1"]
    assert bench.reasons() == ["LeaseLost", "LeaseChanged"]
    assert [outcome.devices[0].addresses for outcome in bench.ended] == [(), ("192.0.2.177/24",)]


def test_a_server_that_is_silent_is_asked_again_and_then_everybody_is(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.server4.silent = True
    for _ in range(30):
        bench.later(8, steps=1)
    unicast = [asked.target for asked in bench.server4.asked[2:]]
    assert set(unicast) == {"192.0.2.1"} or not unicast
    for _ in range(40):
        bench.later(8, steps=1)
    targets = [asked.target for asked in bench.server4.asked[2:]]
    assert targets[0] == "192.0.2.1"
    assert "255.255.255.255" in targets
    assert len(targets) < 60


def test_a_lease_that_nobody_prolongs_ends_and_is_looked_for_until_there_is_one(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.server4.silent = True
    for _ in range(90):
        bench.later(8, steps=1)
    assert bench.in_pod() == ()
    assert bench.reasons().count("LeaseLost") == 1
    bench.server4.silent = False
    for _ in range(20):
        bench.later(8, steps=1)
    assert bench.addresses() == ["192.0.2.100/24"]


def test_a_pod_does_not_begin_on_a_lease_that_was_lost_meanwhile(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.server4.nak = True
    bench.later(301, steps=2)
    with pytest.raises(Failure, match="its lifetime is over"):
        bench.attach()
    bench.server4.nak = False
    for _ in range(10):
        bench.later(8, steps=1)
    bench.attach()
    assert bench.in_pod() == ("192.0.2.100/24",)


def test_a_change_that_the_dataplane_does_not_take_is_tried_again(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.dataplane.faults.fail("readdress", Failure(Code.UNAVAILABLE, "dataplane", "away"), times=2)
    bench.later(301)
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.lease != kept.applied
    bench.restarted()
    for _ in range(10):
        bench.later(4, steps=1)
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.lease == kept.applied
    assert kept.lease is not None
    assert bench.steps(AddAddress)[0].address.lifetime.valid_until == kept.lease.valid_until


def test_a_claim_that_somebody_else_took_back_has_its_lease_given_back(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.dataplane.unprepare(CLAIM.uid, Call(key="x", deadline=bench.clock.monotonic() + 10))
    bench.inventories.release(CLAIM.uid)
    bench.later(301, steps=8)
    assert (bench.server4.leases, bench.leasings.values) == ({}, {})


def test_a_lease_is_not_given_back_because_the_record_of_its_claim_was_lost(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.dataplane.ledger.remove("pod-uid")
    bench.later(301, steps=8)
    assert RELEASE not in bench.server4.kinds()
    assert bench.leasings.values[CLAIM.uid].standing is Standing.HELD
    assert bench.prepare() == "", "as the keeper does it"
    bench.later(61, steps=8)
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.applied == kept.lease
    assert bench.addresses() == ["192.0.2.100/24"]
    assert bench.server4.kinds().count(DISCOVER) == 1


def test_a_lease_of_a_record_that_nobody_makes_anew_is_forgotten_when_it_is_over(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.dataplane.ledger.remove("pod-uid")
    bench.later(301, steps=8)
    for _ in range(12):
        bench.later(61)
    assert RELEASE not in bench.server4.kinds()
    assert bench.leasings.values == {}


def test_name_servers_are_told_in_the_devices_status(bench: Leased) -> None:
    bench.server4.options[15] = b"example.org"
    bench.wants()
    bench.prepare()
    assert bench.leases.data(CLAIM.uid, "ens1") == {"dns": {"nameservers": ["192.0.2.1"], "searches": ["example.org"]}}
    assert bench.leases.data(CLAIM.uid, "ens2") == {}
    assert bench.leases.data("other", "ens1") == {}


def test_name_servers_that_change_in_a_running_pod_are_told(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.attach()
    bench.server4.options[6] = IPv4Address("192.0.2.53").packed
    bench.later(301)
    (told,) = bench.ended
    assert (told.claim, len(told.devices), told.error) == (CLAIM, 1, "")
    assert bench.leases.data(CLAIM.uid, "ens1") == {"dns": {"nameservers": ["192.0.2.53"]}}
    bench.later(301)
    assert bench.ended == [told]


def test_what_servers_tell_of_names_is_never_more_than_the_status_can_hold(bench: Leased) -> None:
    bench.wants(interface={"ipv6": {"dhcp": True}})
    bench.prepare()
    leasing = bench.leasings.values[CLAIM.uid]
    kept = []
    for each in leasing.kept:
        assert each.lease is not None
        names = tuple(f"{each.family}{number:02}.{'x' * 61}.{'y' * 61}.{'z' * 61}.{'w' * 57}" for number in range(32))
        servers = tuple(f"2001:db8:1111:2222:3333:4444:{each.family}555:66{number:02}" for number in range(16))
        kept.append(replace(each, lease=replace(each.lease, dns=servers, search=names)))
    bench.leasings.values[CLAIM.uid] = replace(leasing, kept=tuple(kept))
    data = bench.leases.data(CLAIM.uid, "ens1")
    assert (len(data["dns"]["nameservers"]), len(data["dns"]["searches"])) == (32, 32)
    assert len(json.dumps(data)) <= 10240  # what the API takes


def test_a_profile_whose_addresses_do_not_go_with_dhcp_is_named(bench: Leased) -> None:
    bench.profiles.gives = {"fabric": decode({"interface": {"addresses": ["198.51.100.7/24"]}})}
    bench.wants(profile="fabric")
    told = bench.prepare()
    assert "interface.dhcp is from the claim" in told
    assert "interface.addresses is from the profile" in told
    assert bench.channels.opened == [], "no server is asked for what cannot be"


def test_of_a_platforms_values_only_those_that_do_not_go_with_dhcp_are_left_out(bench: Leased) -> None:
    bench.platform["ens1"] = decode({"interface": {"mtu": 1350, "addresses": ["198.51.100.7/24"]}})
    bench.wants()
    assert bench.prepare() == ""
    assert bench.addresses() == ["192.0.2.100/24"]
    assert [step.mtu for step in bench.steps(SetMtu)] == [1350]


def test_leases_are_counted(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.renewing.step()
    assert bench.meter.values["knd_dhcp_leases"] == 1
    assert bench.meter.counts[("knd_dhcp_exchanges", "acquire", "4", "success")] == 1


@pytest.mark.parametrize(
    ("interface", "words"),
    [
        ({"addresses": ["10.0.0.5/24"]}, "interface.dhcp: cannot be true together with addresses"),
        (
            {"dhcp": False, "addresses": ["2001:db8::5/64"], "ipv6": {"dhcp": True}},
            "interface.ipv6.dhcp: cannot be true together with IPv6 addresses",
        ),
    ],
)
def test_addresses_and_dhcp_exclude_each_other(bench: Leased, interface: dict[str, Any], words: str) -> None:
    bench.wants(interface=interface)
    assert words in bench.prepare()
    assert bench.server4.asked == []


def test_a_renewal_that_waits_does_not_hold_up_giving_back(bench: Leased) -> None:
    bench.server4.seconds = 86400
    bench.wants()
    bench.prepare()
    bench.server4.silent = True
    bench.later(43201, steps=1)
    assert bench.renewing.step() == pytest.approx(16194, abs=60)
    bench.channels.running = False
    bench.unprepare()
    bench.channels.running = True
    bench.later(5)
    assert (bench.server4.leases, bench.leasings.values) == ({}, {})


def test_nothing_is_released_twice(bench: Leased) -> None:
    bench.wants()
    bench.prepare()
    bench.unprepare()
    bench.later(600)
    assert bench.server4.kinds().count(RELEASE) == 1


class Killed(BaseException):
    """The process ends here."""


def killed_before_it_is_noted(bench: Leased, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dataplane holds the plan; nothing that comes after that in Prepare has happened."""

    def gone(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(bench.leases, "hold", gone)
        with pytest.raises(Killed):
            bench.prepare()
    bench.restarted()


def test_a_kill_after_the_plan_was_held_leaves_no_lease_that_is_given_back_while_in_use(
    bench: Leased, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.wants()
    killed_before_it_is_noted(bench, monkeypatch)
    assert bench.prepare() == ""
    assert (bench.leasings.values[CLAIM.uid].standing, bench.server4.kinds().count(DISCOVER)) == (Standing.HELD, 1)
    bench.later(300)
    assert RELEASE not in bench.server4.kinds()
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.applied == kept.lease
    assert bench.addresses() == ["192.0.2.100/24"]


def test_a_lease_whose_plan_is_held_is_not_given_back_however_late_the_kubelet_asks_again(
    bench: Leased, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.wants()
    killed_before_it_is_noted(bench, monkeypatch)
    bench.later(300)
    assert RELEASE not in bench.server4.kinds()
    assert bench.leasings.values[CLAIM.uid].standing is Standing.HELD
    assert bench.prepare() == ""
    assert bench.unprepare() == ""
    assert (bench.server4.leases, bench.leasings.values) == ({}, {})


def test_while_the_dataplane_is_away_nothing_is_given_back_that_it_may_hold(
    bench: Leased, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.wants()
    killed_before_it_is_noted(bench, monkeypatch)
    bench.dataplane.faults.fail("prepared", Failure(Code.UNAVAILABLE, "dataplane", "away"))
    bench.later(300)
    assert RELEASE not in bench.server4.kinds()
    bench.later(60)
    assert bench.leasings.values[CLAIM.uid].standing is Standing.HELD


def test_a_renewal_that_is_not_applied_yet_is_not_taken_for_applied_by_a_repeated_prepare(bench: Leased) -> None:
    bench.wants()
    assert bench.prepare() == ""
    bench.dataplane.faults.fail("readdress", Failure(Code.UNAVAILABLE, "dataplane", "away"))
    (before,) = bench.leasings.values[CLAIM.uid].kept
    assert before.lease is not None
    bench.later(before.lease.renew_at - bench.clock.monotonic() + 1, steps=2)
    (renewed,) = bench.leasings.values[CLAIM.uid].kept
    assert renewed.applied != renewed.lease
    assert bench.prepare() == ""
    (kept,) = bench.leasings.values[CLAIM.uid].kept
    assert kept.applied == before.lease
