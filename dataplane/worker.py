"""The privileged worker: the narrow port over a machine, a ledger, a gate and a clock; it does no other I/O."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from dataplane import orphans
from dataplane.attaching import AttachingHalf
from dataplane.attachments import Attachments
from dataplane.defects import as_failure
from dataplane.desk import Desk
from dataplane.gates import Gates
from dataplane.lifting import Forgetful, Lifted, Lifts
from dataplane.loans import Loans
from dataplane.namespaces import Namespaces
from dataplane.patience import Work, side_by_side
from dataplane.preparing import PreparingHalf
from dataplane.readdressing import Readdressing
from dataplane.recovery import Recovery
from dataplane.vitals import HeldVitals
from ports.clock import Clock
from ports.controls import Machine
from ports.dataplane import Call, Sandbox
from ports.devices import Identity, LinkFacts
from ports.dhcp import Lent, Wish
from ports.gate import Gate
from ports.heldfeed import HeldEvents, HeldSink
from ports.ledger import Ledger, Phase, PodRecord, about
from ports.outbox import Shelf
from ports.plan import Plan
from ports.results import Attached, AttachedDevice, Detached, Held, Report

log = logging.getLogger("knd.dataplane")
RECOVERY = 10.0  # seconds that all pods together keep the process from serving


class Worker:
    """Implements ``ports.dataplane.Dataplane`` and ``ports.dhcp.Lender``. Call ``recover`` once before serving.

    ``namespaces`` are the pods' namespaces that it holds open; ``lifted`` keeps which of the host's interfaces are set up for
    a loan only.
    """

    def __init__(
        self, machine: Machine, ledger: Ledger, gate: Gate, clock: Clock, lifted: Shelf[Lifted] | None = None
    ) -> None:
        self.namespaces = Namespaces(machine.kernel)
        self._machine = machine
        self._ledger = ledger
        self._clock = clock
        self._gates = Gates(gate)
        self._lifts = Lifts(machine.kernel.host, lifted or Forgetful())
        attachments = Attachments(machine, ledger, self._gates, clock, self.namespaces, self._lifts)
        readdressing = Readdressing(machine, ledger, self.namespaces)
        self._recovery = Recovery(machine, attachments, self.namespaces, readdressing)
        self._desk = desk = Desk(ledger, clock)
        self._preparing = PreparingHalf(desk, machine, attachments, self._recovery, readdressing)
        self._loans = Loans(desk, machine, self.namespaces, self._lifts, clock)
        self._attaching = AttachingHalf(desk, attachments, self._recovery, self._gates, machine.kernel.host)

    def recover(self) -> None:
        """Look at the kernel for everything the ledger knows: undo what was under way, hold what lives, agree the gates.

        A pod that cannot be settled now is left to reconcile; it keeps no other pod from being served.
        """
        self._lifts.recover()
        records = self._ledger.records()
        works = side_by_side([partial(self._recover, record) for record in records])
        self._gates.agree([self._recovered(record, work) for record, work in zip(records, works, strict=True)])
        orphans.tell(orphans.suspects(self._machine.kernel.host), records)

    def vitals(self, events: HeldEvents, sink: HeldSink) -> HeldVitals:
        """What looks at the devices in pods, to be run in a thread of its own. Call it before ``recover``."""
        self.namespaces.tell(events)
        return HeldVitals(self._machine, self._ledger, self.namespaces, events, sink, self._clock)

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """See ``Preparing``."""
        return self._desk.patiently("inspect", call, lambda: self._preparing.inspect(devices, call))

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """See ``Preparing``."""
        return self._desk.patiently(f"claim {claim_uid}", call, lambda: self._preparing.prepared(claim_uid, call))

    def claims(self, call: Call) -> tuple[str, ...]:
        """See ``Preparing``."""
        return self._preparing.claims(call)

    def prepare(self, plan: Plan, call: Call) -> None:
        """See ``Preparing``."""
        self._desk.patiently(str(plan.claim), call, lambda: self._preparing.prepare(plan, call))

    def readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        """See ``Preparing``."""
        return self._desk.patiently(str(plan.claim), call, lambda: self._preparing.readdress(plan, call))

    def lend(self, wish: Wish, call: Call) -> Lent:
        """See ``ports.dhcp.Lender``. It takes its time in the thread of whoever asks."""
        return self._loans.lend(wish, call)

    def give_back(self, lent: Lent) -> None:
        """See ``ports.dhcp.Lender``."""
        self._loans.give_back(lent)

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """See ``Preparing``."""
        return self._desk.patiently(f"claim {claim_uid}", call, lambda: self._preparing.unprepare(claim_uid, call))

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """See ``Attaching``."""
        return self._desk.patiently(f"pod {sandbox.pod_uid}", call, lambda: self._attaching.attach(sandbox, call))

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """See ``Attaching``."""
        return self._desk.patiently(f"pod {sandbox.pod_uid}", call, lambda: self._attaching.detach(sandbox, call))

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """See ``Attaching``."""
        return self._attaching.reconcile(live, call)

    def held(self, call: Call) -> tuple[Held, ...]:
        """See ``Attaching``."""
        return self._attaching.held(call)

    def _recover(self, seen: PodRecord) -> PodRecord:
        with self._desk.pod(seen.pod.uid, self._desk.call(RECOVERY)) as record:
            settled = self._recovery.settle(record or seen)
            if settled.phase is Phase.PREPARED:
                self._recovery.tidy(settled)
            return settled

    def _recovered(self, record: PodRecord, work: Work[PodRecord]) -> PodRecord:
        try:
            return work.result(RECOVERY, str(record.pod))
        except Exception as error:  # noqa: BLE001 - a defect of one is nobody else's
            failure = as_failure(error, str(record.pod), about(record))
            log.error("cannot recover: %s", failure, extra=about(record))
            return replace(record, phase=Phase.DETACHING)  # unknown: its gates are closed until reconcile has looked
