"""The DRA frontend's half: plans are looked at, checked against the host, written down, and forgotten again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dataplane import policy
from dataplane.attachments import Attachments
from dataplane.desk import Desk, plan_of
from dataplane.facts import host_facts, inspected
from dataplane.readdressing import Readdressing
from dataplane.recovery import Recovery
from dataplane.refresh import alike
from dataplane.shape import check_shape
from ports.controls import Machine
from ports.dataplane import Call
from ports.devices import Identity, LinkFacts
from ports.errors import Code, Failure
from ports.leased import lasting
from ports.ledger import Phase, PodRecord
from ports.plan import Plan
from ports.results import AttachedDevice, Detached


class PreparingHalf:
    """Implements ``ports.dataplane.Preparing``. One at a time is checked against all records and written down."""

    def __init__(
        self, desk: Desk, machine: Machine, attachments: Attachments, recovery: Recovery, readdressing: Readdressing
    ) -> None:
        self._desk = desk
        self._machine = machine
        self._attachments = attachments
        self._recovery = recovery
        self._readdressing = readdressing
        self._preparing = threading.Lock()

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """See the port."""
        self._desk.check_time("inspect", call)
        found = []
        for device in devices:
            self._desk.check_time(f"device {device}", call)  # nobody waits for the rest of them any more
            found.append(inspected(self._machine, device))
        return tuple(found)

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """See the port."""
        self._desk.check_time(f"claim {claim_uid}", call)
        found = self._desk.holder(claim_uid)
        if found is None:
            return None
        with self._desk.pod(found.pod.uid, call) as record:
            if record is None:
                return None
            self._recovery.settle(record)
            return plan_of(record, claim_uid)

    def claims(self, call: Call) -> tuple[str, ...]:
        """See the port."""
        self._desk.check_time("claims", call)
        return tuple(plan.claim.uid for record in self._desk.ledger.records() for plan in record.plans)

    def prepare(self, plan: Plan, call: Call) -> None:
        """See the port."""
        self._desk.once(call, ("prepare", plan), lambda: self._prepare(plan, call))

    def readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        """See the port."""
        return self._desk.once(call, ("readdress", plan), lambda: self._readdress(plan, call))

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """See the port."""
        return self._desk.once(call, ("unprepare", claim_uid), lambda: self._unprepare(claim_uid, call))

    def _prepare(self, plan: Plan, call: Call) -> None:
        check_shape(plan)
        with self._desk.pod(plan.pod.uid, call) as record:
            record = record or PodRecord(pod=plan.pod, plans=())
            earlier = plan_of(record, plan.claim.uid)
            if earlier is not None and self._is_repeated(record, earlier, plan):
                return
            record = self._recovery.settle(record)
            if record.phase is not Phase.PREPARED:
                hint = "it is free when that pod has ended"
                raise Failure(Code.CONFLICT, str(plan.claim), f"{record.pod} is attached already", hint)
            self._check_host(plan)
            rest = tuple(other for other in record.plans if other.claim.uid != plan.claim.uid)
            with self._one_at_a_time(call):
                policy.check_free(plan, self._desk.ledger.records())
                self._desk.ledger.write(replace(record, plans=(*rest, plan), reason=""))

    def _readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        check_shape(plan)
        with self._desk.pod(plan.pod.uid, call) as record:
            earlier = None if record is None else plan_of(record, plan.claim.uid)
            if record is None or earlier is None:
                raise Failure(Code.NOT_FOUND, str(plan.claim), "is not prepared for this pod")
            if lasting(earlier) != lasting(plan):
                hint = "make the new plan of the one that is held"
                raise Failure(Code.CONFLICT, str(plan.claim), "the plans differ in more than leases", hint)
            record = self._recovery.settle(record)
            if record.phase is Phase.ATTACHED and earlier != plan:
                record = self._readdressing.carry_out(
                    record, plan, lambda: self._desk.check_time(str(plan.claim), call)
                )
            elif record.phase not in (Phase.ATTACHED, Phase.PREPARED):
                raise Failure(Code.CONFLICT, str(plan.claim), f"{record.pod} is {record.phase}", "it is tried again")
            elif earlier != plan and record.phase is Phase.PREPARED:
                plans = tuple(plan if each is earlier else each for each in record.plans)
                self._desk.ledger.write(replace(record, plans=plans))
            return tuple(device for device in record.devices if device.claim == plan.claim)

    def _is_repeated(self, record: PodRecord, earlier: Plan, plan: Plan) -> bool:
        """A plan that was carried out was brought up to date with the host before."""
        if record.phase is Phase.PREPARED:
            return replace(earlier, traceparent=plan.traceparent) == plan
        return alike(plan, earlier)

    def _check_host(self, plan: Plan) -> None:
        uplinks = self._machine.kernel.uplinks()
        for device in plan.devices:
            now = host_facts(self._machine, device.before.link.identity)
            needed = uplinks.get(now.link.identity.ifindex, "")
            policy.check_movable(device, now, needed, self._machine.exclusions.denies(now))

    def _unprepare(self, claim_uid: str, call: Call) -> Detached:
        found = self._desk.holder(claim_uid)
        if found is None:
            return Detached(pod_uid="")
        with self._desk.pod(found.pod.uid, call) as record:
            plan = None if record is None else plan_of(record, claim_uid)
            if record is None or plan is None:
                return Detached(pod_uid=found.pod.uid)
            if record.phase is Phase.PREPARED:
                self._recovery.tidy(record)
            return self._attachments.drop(record, plan)

    @contextmanager
    def _one_at_a_time(self, call: Call) -> Iterator[None]:
        if not self._preparing.acquire(timeout=self._desk.left("prepare", call)):
            raise Failure(Code.DEADLINE, "prepare", "another prepare is still running", "it is tried again")
        try:
            yield
        finally:
            self._preparing.release()
