"""What every dataplane promises about another lease for a claim: ``Preparing.readdress``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ports.devices import LinkFacts
from ports.errors import Code
from ports.leased import LOST, is_leased, lasting
from ports.plan import AddAddress, AddRoute, Plan, Rename
from tests.contracts.dataplane.bench import Bench
from tests.contracts.dataplane.contract import CLAIM, POD, call, facts, refusal, sandbox
from tests.support.plans import leased_device, leased_plan


def leased(bench: Bench, before: LinkFacts, address: str = "198.18.0.5/24", seconds: float = 600.0) -> Plan:
    """A plan with a lease of that address for so long."""
    return leased_plan(leased_device(before, address, bench.now() + seconds), claim=CLAIM, pod=POD)


def attached(bench: Bench) -> tuple[Plan, LinkFacts]:
    """The first device in the pod with a lease, and what the host had before."""
    before = facts(bench)[0]
    made = leased(bench, before)
    bench.dataplane.prepare(made, call(bench))
    bench.dataplane.attach(sandbox(bench), call(bench))
    return made, before


def without_lease(plan: Plan) -> Plan:
    """The plan after its lease was lost."""
    device = plan.devices[0]
    steps = [step for step in device.steps if not isinstance(step, AddRoute) or not is_leased(step)]
    for place, step in enumerate(steps):
        if isinstance(step, AddAddress):
            steps[place] = replace(step, address=replace(step.address, lifetime=LOST))
    return replace(plan, devices=(replace(device, steps=tuple(steps)),))


class ReaddressingContract:
    """The promises about leases."""

    @pytest.fixture
    def bench(self) -> Bench:
        """The dataplane under test with its host."""
        raise NotImplementedError

    def test_another_lease_of_a_claim_not_attached_yet_takes_the_place_of_the_first(self, bench: Bench) -> None:
        before = facts(bench)[0]
        bench.dataplane.prepare(leased(bench, before), call(bench))
        other = leased(bench, before, "198.18.0.9/24")
        assert bench.dataplane.readdress(other, call(bench)) == ()
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == other
        (device,) = bench.dataplane.attach(sandbox(bench), call(bench)).devices
        assert device.addresses == ("198.18.0.9/24",)

    def test_another_address_takes_the_place_of_the_first_in_the_running_pod(self, bench: Bench) -> None:
        _, before = attached(bench)
        other = leased(bench, before, "198.18.7.9/25")
        (device,) = bench.dataplane.readdress(other, call(bench))
        assert (device.interface, device.addresses) == ("net1", ("198.18.7.9/25",))
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == other
        again = bench.dataplane.attach(sandbox(bench), call(bench))
        assert (again.already, again.devices) == (True, (device,))

    def test_more_time_leaves_everything_as_it_is(self, bench: Bench) -> None:
        _, before = attached(bench)
        longer = leased(bench, before, seconds=6000)
        (device,) = bench.dataplane.readdress(longer, call(bench))
        assert device.addresses == ("198.18.0.5/24",)
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == longer

    def test_a_lease_that_is_over_is_taken_out_of_the_running_pod(self, bench: Bench) -> None:
        made, _ = attached(bench)
        (device,) = bench.dataplane.readdress(replace(lasting(made), traceparent=made.traceparent), call(bench))
        assert device.addresses == ()
        (device,) = bench.dataplane.readdress(made, call(bench))
        assert device.addresses == ("198.18.0.5/24",)

    def test_a_lost_lease_is_taken_out_of_a_running_pod_and_keeps_its_place_for_the_next(self, bench: Bench) -> None:
        made, _ = attached(bench)
        (device,) = bench.dataplane.readdress(without_lease(made), call(bench))
        assert device.addresses == ()
        (device,) = bench.dataplane.readdress(made, call(bench))
        assert device.addresses == ("198.18.0.5/24",)

    def test_no_pod_begins_without_its_lease(self, bench: Bench) -> None:
        before = facts(bench)
        made = leased(bench, before[0])
        bench.dataplane.prepare(made, call(bench))
        bench.dataplane.readdress(without_lease(made), call(bench))
        assert refusal(lambda: bench.dataplane.attach(sandbox(bench), call(bench))) is Code.DEADLINE
        assert facts(bench) == before
        bench.dataplane.readdress(made, call(bench))
        (device,) = bench.dataplane.attach(sandbox(bench), call(bench)).devices
        assert device.addresses == ("198.18.0.5/24",)

    def test_the_same_lease_again_changes_nothing(self, bench: Bench) -> None:
        made, _ = attached(bench)
        first = bench.dataplane.readdress(made, call(bench))
        assert bench.dataplane.readdress(made, call(bench)) == first

    def test_another_lease_outlives_the_dataplane(self, bench: Bench) -> None:
        _, before = attached(bench)
        other = leased(bench, before, "198.18.0.9/24")
        bench.dataplane.readdress(other, call(bench))
        bench.restart()
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == other
        assert bench.dataplane.attach(sandbox(bench), call(bench)).already

    def test_the_device_comes_home_as_it_was_whatever_leases_it_had(self, bench: Bench) -> None:
        before = facts(bench)
        attached(bench)
        bench.dataplane.readdress(leased(bench, before[0], "198.18.0.9/24"), call(bench))
        bench.dataplane.detach(sandbox(bench), call(bench))
        bench.dataplane.unprepare(CLAIM.uid, call(bench))
        assert facts(bench) == before

    def test_more_than_leases_cannot_be_changed_in_a_running_pod(self, bench: Bench) -> None:
        made, _ = attached(bench)
        device = made.devices[0]
        steps = tuple(Rename(name="other0") if isinstance(step, Rename) else step for step in device.steps)
        renamed = replace(made, devices=(replace(device, steps=steps),))
        assert refusal(lambda: bench.dataplane.readdress(renamed, call(bench))) is Code.CONFLICT
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made

    def test_a_claim_that_is_not_prepared_is_not_found(self, bench: Bench) -> None:
        made = leased(bench, facts(bench)[0])
        assert refusal(lambda: bench.dataplane.readdress(made, call(bench))) is Code.NOT_FOUND

    def test_no_lease_is_changed_for_a_call_whose_time_has_passed(self, bench: Bench) -> None:
        made, before = attached(bench)
        other = leased(bench, before, "198.18.0.9/24")
        assert refusal(lambda: bench.dataplane.readdress(other, call(bench, seconds=-0.001))) is Code.DEADLINE
        assert bench.dataplane.prepared(CLAIM.uid, call(bench)) == made
