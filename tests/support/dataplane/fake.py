"""The fake dataplane: what a frontend can see of the real one, kept in a table instead of a kernel.

It holds plans and refuses what the real one refuses; ``faults`` lets tests break it. It is not fast and not durable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from adapters.clock.host import HostClock
from ports.clock import Clock
from ports.dataplane import Call, Sandbox
from ports.devices import Identity, LinkFacts
from ports.errors import Code, Failure
from ports.gate import Gate
from ports.leased import lasting
from ports.ledger import Ledger, Phase, PodRecord
from ports.plan import DevicePlan, Plan
from ports.results import Attached, AttachedDevice, Detached, Finding, Held, Report, StepTiming, Verdict
from tests.support.dataplane.faults import Faults
from tests.support.dataplane.host import HOST, FakeHost
from tests.support.ledger import MemoryLedger


class FakeDataplane:
    """Both halves of the port. ``calls`` lists the verbs that came, in order, refused ones included."""

    def __init__(
        self,
        clock: Clock | None = None,
        host: FakeHost | None = None,
        ledger: Ledger | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.clock: Clock = clock or HostClock()
        self.host = host or FakeHost.with_cards("ens1", "ens2")
        self.ledger: Ledger = ledger or MemoryLedger()
        self.gate = gate
        self.faults = Faults(self.clock)
        self.calls: list[str] = []
        self._lock = threading.RLock()

    def resume(self) -> None:
        """Put the host's table in the state that the ledger tells of, for a process that was started anew."""
        for record in self.ledger.records():
            for device in (device for plan in record.plans for device in plan.devices):
                identity = device.before.link.identity
                for step in device.steps if record.netns else ():
                    self.host.apply(identity, step, record.netns or HOST)

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """What the host knows of these devices."""
        with self._serving("inspect", call):
            return tuple(self.host.find(device, HOST) for device in devices)

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """The plan held for this claim, or None; an attachment whose namespace died is taken back first."""
        with self._serving("prepared", call):
            record = self._holder(claim_uid)
            if record is None:
                return None
            if record.netns is not None and not self.host.exists(record.netns):
                self._give_back(record)
            return _plan_of(record, claim_uid)

    def claims(self, call: Call) -> tuple[str, ...]:
        """Those that a record has a plan of."""
        with self._serving("claims", call):
            return tuple(plan.claim.uid for record in self.ledger.records() for plan in record.plans)

    def prepare(self, plan: Plan, call: Call) -> None:
        """Check the plan and keep it."""
        with self._serving("prepare", call):
            if _plan_of(self.ledger.read(plan.pod.uid), plan.claim.uid) == plan:
                return
            for holder in (self._holder(plan.claim.uid), self.ledger.read(plan.pod.uid)):
                if holder is not None and holder.phase is Phase.ATTACHED:
                    raise Failure(
                        Code.CONFLICT, str(plan.claim), f"{holder.pod} is attached already", "end that pod first"
                    )
            for device in plan.devices:
                self._check(plan, device)
            self._forget(plan.claim.uid)
            record = self.ledger.read(plan.pod.uid) or PodRecord(pod=plan.pod, plans=())
            self.ledger.write(replace(record, plans=(*record.plans, plan)))

    def readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        """Other leases for a claim."""
        with self._serving("readdress", call):
            record = self.ledger.read(plan.pod.uid)
            earlier = _plan_of(record, plan.claim.uid)
            if record is None or earlier is None:
                raise Failure(Code.NOT_FOUND, str(plan.claim), "is not prepared for this pod")
            if lasting(earlier) != lasting(plan):
                raise Failure(
                    Code.CONFLICT, str(plan.claim), "the plans differ in more than leases", "use the held one"
                )
            record = replace(record, plans=tuple(plan if each == earlier else each for each in record.plans))
            if record.phase is Phase.ATTACHED:
                record = replace(record, devices=tuple(self._readdressed(device, plan) for device in record.devices))
            self.ledger.write(record)
            return tuple(device for device in record.devices if device.claim == plan.claim)

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """Forget the claim, detach it first."""
        with self._serving("unprepare", call):
            record = self._holder(claim_uid)
            if record is None:
                return Detached(pod_uid="")
            plan = _plan_of(record, claim_uid)
            detached = self._take_back(record, () if plan is None else (plan,))
            self._forget(claim_uid)
            return detached

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """Carry out every plan of the pod, or none."""
        with self._serving("attach", call):
            return self._attach(sandbox, call)

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """Bring the sandbox's devices back."""
        with self._serving("detach", call):
            record = self.ledger.read(sandbox.pod_uid)
            if record is None or record.sandbox != sandbox.id:
                return Detached(pod_uid=sandbox.pod_uid)
            return self._give_back(record)

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """Adopt, attach late, give back, wait or report, one finding a pod."""
        with self._serving("reconcile", call):
            attached: list[Attached] = []
            findings = tuple(self._judge(record, live, call, attached) for record in self.ledger.records())
            return Report(findings=findings, attached=tuple(attached))

    def held(self, call: Call) -> tuple[Held, ...]:
        """Every device that is in a pod."""
        with self._serving("held", call):
            return tuple(
                Held(
                    pod=record.pod,
                    sandbox=record.sandbox or "",
                    device=device.device,
                    identity=device.before.link.identity,
                    interface=self.host.facts[device.before.link.identity.ifindex].link.name,
                )
                for record in self.ledger.records()
                for plan in record.plans
                for device in plan.devices
                if record.netns and self.host.places.get(device.before.link.identity.ifindex) == record.netns
            )

    @contextmanager
    def _serving(self, verb: str, call: Call) -> Iterator[None]:
        with self._lock:
            self.calls.append(verb)
            self.faults.before(verb)
            self._check_deadline(verb, call)
            yield
            self.faults.after(verb)

    def _check_deadline(self, subject: str, call: Call) -> None:
        if self.clock.monotonic() >= call.deadline:
            raise Failure(Code.DEADLINE, subject, "its time has passed", "send it again with a later deadline")

    def _holder(self, claim_uid: str) -> PodRecord | None:
        return next((record for record in self.ledger.records() if _plan_of(record, claim_uid)), None)

    def _check(self, plan: Plan, device: DevicePlan) -> None:
        identity = device.before.link.identity
        if identity.ifindex in self.host.uplinks or device.before.link.loopback:
            raise Failure(
                Code.REFUSED, f"device {device.device}", "the node itself depends on it", "take another device"
            )
        for record in self.ledger.records():
            for other in record.plans:
                taken = any(each.before.link.identity == identity for each in other.devices)
                if taken and other.claim.uid != plan.claim.uid:
                    raise Failure(Code.CONFLICT, f"device {device.device}", f"is held by {other.claim}", "wait for it")
        if self.host.find(identity, HOST) != device.before:
            raise Failure(Code.CONFLICT, f"device {device.device}", "changed since it was inspected", "plan again")

    def _forget(self, claim_uid: str) -> None:
        record = self._holder(claim_uid)
        if record is None:
            return
        plans = tuple(plan for plan in record.plans if plan.claim.uid != claim_uid)
        if plans:
            self.ledger.write(replace(record, plans=plans))
        else:
            self.ledger.remove(record.pod.uid)

    def _attach(self, sandbox: Sandbox, call: Call) -> Attached:
        record = self.ledger.read(sandbox.pod_uid)
        if record is None:
            raise Failure(
                Code.NOT_FOUND, f"pod {sandbox.pod_uid}", "nothing is prepared for it", "see the claim's events"
            )
        if sandbox.netns is None:
            raise Failure(
                Code.REFUSED, str(record.pod), "has no network namespace of its own", "set hostNetwork: false"
            )
        self.host.enter(sandbox.netns)
        if record.phase is Phase.ATTACHED and record.sandbox == sandbox.id:
            return _already(record)
        if record.sandbox is not None:
            self._give_back(record)
            record = _idle(record, reason="")
        return self._carry_out(record, sandbox, sandbox.netns, call)

    def _carry_out(self, record: PodRecord, sandbox: Sandbox, netns: str, call: Call) -> Attached:
        earlier = self.host.copy()
        try:
            timings = tuple(self._steps(record, netns, call))
        except Failure as failure:
            self.host.restore(earlier)
            self.ledger.write(replace(record, reason=str(failure)))
            raise
        devices = tuple(self._read_back(plan, device) for plan in record.plans for device in plan.devices)
        done = replace(
            record,
            phase=Phase.ATTACHED,
            sandbox=sandbox.id,
            netns=netns,
            netns_cookie=f"fake:{netns}",
            devices=devices,
            reason="",
        )
        self.ledger.write(done)
        self._open_gates(done)
        return replace(_already(done), timings=timings, already=False)

    def _steps(self, record: PodRecord, netns: str, call: Call) -> Iterator[StepTiming]:
        for device in (device for plan in record.plans for device in plan.devices):
            identity = device.before.link.identity
            self.host.find(identity, HOST)
            for step in device.steps:
                start = self.clock.wall_ns()
                self.faults.before("step")
                self._check_deadline(f"device {device.device}", call)
                self.host.apply(identity, step, netns)
                yield StepTiming(device=device.device, step=step.kind, start_ns=start, end_ns=self.clock.wall_ns())

    def _read_back(self, plan: Plan, device: DevicePlan) -> AttachedDevice:
        facts = self.host.facts[device.before.link.identity.ifindex]
        return AttachedDevice(
            claim=plan.claim,
            request=device.request,
            pool=device.pool,
            device=device.device,
            interface=facts.link.name,
            mac=facts.link.mac,
            addresses=tuple(address.prefix for address in facts.addresses),
            share_id=device.share_id,
        )

    def _readdressed(self, attached: AttachedDevice, plan: Plan) -> AttachedDevice:
        for device in plan.devices:
            if attached.claim == plan.claim and attached.device == device.device:
                self.host.readdress(device)
                return self._read_back(plan, device)
        return attached

    def _give_back(self, record: PodRecord) -> Detached:
        detached = self._take_back(record, record.plans)
        self.ledger.write(_idle(record, reason=""))
        return detached

    def _take_back(self, record: PodRecord, plans: tuple[Plan, ...]) -> Detached:
        if record.phase is not Phase.ATTACHED:
            return Detached(pod_uid=record.pod.uid)
        back, lost, timings = [], [], []
        for plan in plans:
            if self.gate is not None:
                self.gate.close(plan.claim.uid)
            for device in plan.devices:
                start = self.clock.wall_ns()
                if device.before.link.identity.ifindex in self.host.places:
                    self.host.put(HOST, device.before)
                    back.append(device.device)
                else:
                    lost.append(f"{device.device}: it died with its namespace")
                timings.append(
                    StepTiming(device=device.device, step="restore", start_ns=start, end_ns=self.clock.wall_ns())
                )
        return Detached(pod_uid=record.pod.uid, devices=tuple(back), lost=tuple(lost), timings=tuple(timings))

    def _judge(self, record: PodRecord, live: tuple[Sandbox, ...], call: Call, attached: list[Attached]) -> Finding:
        mine = [each for each in live if each.pod_uid == record.pod.uid and self.host.exists(each.netns)]
        if record.phase is Phase.ATTACHED:
            if any(each.id == record.sandbox for each in mine):
                attached.append(_already(record))
                return Finding(pod=record.pod, verdict=Verdict.ADOPTED)
            detached = self._give_back(record)
            if not mine:
                verdict = Verdict.BROKEN if detached.lost else Verdict.RETURNED
                return Finding(
                    pod=record.pod, verdict=verdict, reason="; ".join(detached.lost) or "its sandbox is gone"
                )
        return self._judge_prepared(record, mine, call, attached)

    def _judge_prepared(self, record: PodRecord, mine: list[Sandbox], call: Call, attached: list[Attached]) -> Finding:
        if not mine:
            return Finding(pod=record.pod, verdict=Verdict.WAITING, reason="no sandbox yet")
        if any(each.containers_started for each in mine):
            return Finding(pod=record.pod, verdict=Verdict.BROKEN, reason="its containers run without their devices")
        try:
            attached.append(self._attach(mine[-1], call))
        except Failure as failure:
            return Finding(pod=record.pod, verdict=Verdict.WAITING, reason=str(failure))
        return Finding(pod=record.pod, verdict=Verdict.ATTACHED, reason="attached late")

    def _open_gates(self, record: PodRecord) -> None:
        for plan in record.plans if self.gate is not None else ():
            interfaces = tuple(each.interface for each in record.devices if each.claim.uid == plan.claim.uid)
            assert self.gate is not None
            self.gate.open(plan.claim, interfaces)


def _plan_of(record: PodRecord | None, claim_uid: str) -> Plan | None:
    return next((plan for plan in record.plans if plan.claim.uid == claim_uid), None) if record else None


def _already(record: PodRecord) -> Attached:
    return Attached(
        pod=record.pod,
        sandbox=record.sandbox or "",
        devices=record.devices,
        already=True,
        traceparent=record.plans[0].traceparent,
    )


def _idle(record: PodRecord, reason: str) -> PodRecord:
    return PodRecord(pod=record.pod, plans=record.plans, reason=reason)
