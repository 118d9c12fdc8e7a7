"""The privileged worker: implements the narrow port over a kernel, a ledger, a gate and a clock, and does no other I/O.

Pods are worked on in parallel, one command a pod at a time. Whatever a command finds half done, it first makes whole.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from dataplane import policy
from dataplane.answers import Answers
from dataplane.attachments import Attachments, already
from dataplane.gates import Gates
from dataplane.locks import PodLocks
from dataplane.namespaces import Namespaces
from dataplane.recovery import Recovery
from dataplane.shape import check_shape
from ports.clock import Clock
from ports.dataplane import Call, Sandbox
from ports.devices import Identity, LinkFacts
from ports.errors import Code, Failure
from ports.gate import Gate
from ports.kernel import Kernel
from ports.ledger import Ledger, Phase, PodRecord
from ports.plan import Plan
from ports.results import Attached, Detached, Finding, Held, Report, Verdict

log = logging.getLogger("knd.dataplane")
T = TypeVar("T")
LONGEST_WAIT = 3600.0  # seconds; a lock takes no infinite time-out


class Worker:
    """Implements ``ports.dataplane.Dataplane``. Call ``recover`` once before serving."""

    def __init__(self, kernel: Kernel, ledger: Ledger, gate: Gate, clock: Clock) -> None:
        self._kernel = kernel
        self._ledger = ledger
        self._clock = clock
        self._gates = Gates(gate)
        self.namespaces = Namespaces(kernel)
        self._attachments = Attachments(kernel, ledger, self._gates, clock, self.namespaces)
        self._recovery = Recovery(kernel, self._attachments, self.namespaces)
        self._answers = Answers()
        self._locks = PodLocks()
        self._preparing = threading.Lock()

    def recover(self) -> None:
        """Look at the kernel for everything the ledger knows of: undo what was under way, hold what lives, agree the gates.

        A pod that cannot be settled now is left to reconcile; it keeps no other pod from being served.
        """
        settled = tuple(self._recover(record) for record in self._ledger.records())
        self._gates.agree(settled)

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """See ``Preparing``."""
        self._left("inspect", call)
        return tuple(self._facts(device) for device in devices)

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """See ``Preparing``."""
        self._left(f"claim {claim_uid}", call)
        found = self._holder(claim_uid)
        if found is None:
            return None
        with self._pod(found.pod.uid, call) as record:
            if record is not None:
                self._recovery.settle(record)
            return None if record is None else _plan_of(record, claim_uid)

    def prepare(self, plan: Plan, call: Call) -> None:
        """See ``Preparing``."""
        self._once(call, plan, lambda: self._prepare(plan, call))

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """See ``Preparing``."""
        return self._once(call, claim_uid, lambda: self._unprepare(claim_uid, call))

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """See ``Attaching``."""
        return self._once(call, ("attach", sandbox), lambda: self._attach(sandbox, call))

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """See ``Attaching``."""
        return self._once(call, ("detach", sandbox), lambda: self._detach(sandbox, call))

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """See ``Attaching``."""
        self._left("reconcile", call)
        judged = [self._judge_safely(record, live, call) for record in self._ledger.records()]
        self._gates.agree(self._ledger.records())
        findings = tuple(finding for finding, _ in judged if finding is not None)
        return Report(findings=findings, attached=tuple(attached for _, attached in judged if attached is not None))

    def held(self, call: Call) -> tuple[Held, ...]:
        """See ``Attaching``."""
        self._left("held", call)
        uids = [record.pod.uid for record in self._ledger.records() if record.phase is not Phase.PREPARED]
        return tuple(held for uid in uids for held in self._held(uid, call))

    def _prepare(self, plan: Plan, call: Call) -> None:
        check_shape(plan)
        with self._one_prepare(call), self._pod(plan.pod.uid, call) as record:
            record = record or PodRecord(pod=plan.pod, plans=())
            earlier = _plan_of(record, plan.claim.uid)
            if earlier is not None and replace(earlier, traceparent=plan.traceparent) == plan:
                return
            if record.plans:
                record = self._recovery.settle(record)
            if record.phase is not Phase.PREPARED:
                hint = "it is free when that pod has ended"
                raise Failure(Code.CONFLICT, str(plan.claim), f"{record.pod} is attached already", hint)
            self._check(plan)
            rest = tuple(other for other in record.plans if other.claim.uid != plan.claim.uid)
            self._ledger.write(replace(record, plans=(*rest, plan), reason=""))

    def _check(self, plan: Plan) -> None:
        policy.check_free(plan, self._ledger.records())
        uplinks = self._kernel.uplinks()
        for device in plan.devices:
            policy.check_movable(device, self._facts(device.before.link.identity), uplinks)

    def _unprepare(self, claim_uid: str, call: Call) -> Detached:
        found = self._holder(claim_uid)
        if found is None:
            return Detached(pod_uid="")
        with self._pod(found.pod.uid, call) as record:
            plan = None if record is None else _plan_of(record, claim_uid)
            if record is None or plan is None:
                return Detached(pod_uid=found.pod.uid)
            if record.phase is Phase.PREPARED:
                self._recovery.tidy(record)
            return self._attachments.drop(record, plan)

    def _attach(self, sandbox: Sandbox, call: Call) -> Attached:
        with self._pod(sandbox.pod_uid, call) as record:
            if record is None:
                hint = "see the events of its claims"
                raise Failure(Code.NOT_FOUND, f"pod {sandbox.pod_uid}", "nothing is prepared for it", hint)
            if record.phase is Phase.ATTACHED and record.sandbox == sandbox.id and self._is_whole(record):
                self._gates.open(record)
                return already(record)
            if record.phase is not Phase.PREPARED:
                record, _ = self._attachments.detach(record)
            if record.phase is not Phase.PREPARED:
                hint = "it is tried again with the next attach"
                raise Failure(Code.CONFLICT, str(record.pod), f"an earlier sandbox still has it: {record.reason}", hint)
            return self._attachments.attach(record, sandbox, lambda: self._check_time(str(record.pod), call))

    def _is_whole(self, record: PodRecord) -> bool:
        return self.namespaces.of(record) is not None and not self._attachments.missing(record)

    def _detach(self, sandbox: Sandbox, call: Call) -> Detached:
        with self._pod(sandbox.pod_uid, call) as record:
            if record is None or record.sandbox != sandbox.id:
                return Detached(pod_uid=sandbox.pod_uid)
            _, detached = self._attachments.detach(record)
            return detached

    def _judge_safely(
        self, seen: PodRecord, live: tuple[Sandbox, ...], call: Call
    ) -> tuple[Finding | None, Attached | None]:
        """One pod that cannot be looked at keeps no other from being reconciled."""
        try:
            return self._judge(seen, live, call)
        except Failure as failure:
            if failure.code is Code.DEADLINE:
                raise
            return Finding(pod=seen.pod, verdict=Verdict.BROKEN, reason=str(failure)), None

    def _judge(self, seen: PodRecord, live: tuple[Sandbox, ...], call: Call) -> tuple[Finding | None, Attached | None]:
        with self._pod(seen.pod.uid, call) as record:
            if record is None:
                return None, None
            if record.sandbox != seen.sandbox:  # it was attached after the list was made, which cannot know of it
                live = (*live, Sandbox(id=record.sandbox or "", pod_uid=record.pod.uid, netns=record.netns))
            return self._recovery.judge(record, live, lambda: self._check_time(str(seen.pod), call))

    def _held(self, pod_uid: str, call: Call) -> Iterator[Held]:
        with self._pod(pod_uid, call) as record:
            for site in () if record is None else self._attachments.present(record):
                link = site.in_pod()
                if record is not None and link is not None:
                    yield Held(
                        pod=record.pod,
                        sandbox=record.sandbox or "",
                        device=site.plan.device,
                        identity=link.identity,
                        interface=link.name,
                    )

    def _recover(self, record: PodRecord) -> PodRecord:
        try:
            settled = self._recovery.settle(record)
            if settled.phase is Phase.PREPARED:
                self._recovery.tidy(settled)
        except Failure as failure:
            log.error("cannot recover: %s", failure, extra={"pod": str(record.pod)})
            return replace(record, phase=Phase.DETACHING)  # unknown: its gates are closed until reconcile has looked
        return settled

    def _facts(self, device: Identity) -> LinkFacts:
        subject, hint = f"device {device}", "list the devices again"
        try:
            facts = self._kernel.host.facts(device.ifindex)
        except Failure as failure:
            if failure.code is not Code.NOT_FOUND:
                raise
            raise Failure(Code.NOT_FOUND, subject, "is not in the host now", hint) from failure
        if facts.link.identity != device:
            raise Failure(Code.NOT_FOUND, subject, f"its index belongs to {facts.link.identity} now", hint)
        return facts

    def _holder(self, claim_uid: str) -> PodRecord | None:
        return next((record for record in self._ledger.records() if _plan_of(record, claim_uid)), None)

    @contextmanager
    def _pod(self, pod_uid: str, call: Call) -> Iterator[PodRecord | None]:
        with self._locks.hold(pod_uid, self._left(f"pod {pod_uid}", call)):
            self._check_time(f"pod {pod_uid}", call)
            yield self._ledger.read(pod_uid)

    @contextmanager
    def _one_prepare(self, call: Call) -> Iterator[None]:
        if not self._preparing.acquire(timeout=self._left("prepare", call)):
            raise Failure(Code.DEADLINE, "prepare", "another prepare is still running", "it is tried again")
        try:
            yield
        finally:
            self._preparing.release()

    def _once(self, call: Call, request: object, work: Callable[[], T]) -> T:
        return self._answers.once(call.key, request, self._left(f"command {call.key}", call), work)

    def _left(self, subject: str, call: Call) -> float:
        self._check_time(subject, call)
        return min(call.deadline - self._clock.monotonic(), LONGEST_WAIT)

    def _check_time(self, subject: str, call: Call) -> None:
        if not self._clock.monotonic() < call.deadline:  # also true of a deadline that is no number
            raise Failure(Code.DEADLINE, subject, "its time has passed", "send it again with a later deadline")


def _plan_of(record: PodRecord, claim_uid: str) -> Plan | None:
    return next((plan for plan in record.plans if plan.claim.uid == claim_uid), None)
