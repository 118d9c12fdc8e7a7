"""The NRI frontend's half: prepared plans are carried out for a sandbox and taken back, pod by pod and in parallel.

Whatever a command finds half done, it first makes whole.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

from dataplane import orphans
from dataplane.attachments import Attachments
from dataplane.defects import as_failure
from dataplane.desk import Desk
from dataplane.gates import Gates
from dataplane.patience import Work, side_by_side
from dataplane.recovery import Recovery
from dataplane.transitions import already
from ports.dataplane import Call, Sandbox
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.ledger import Phase, PodRecord, about
from ports.results import Attached, Detached, Finding, Held, Report, Verdict

log = logging.getLogger("knd.dataplane")
ONE_POD = 8.0  # seconds that one pod may keep all of them waiting
BUSY = 0.5  # seconds that a reconcile waits for another command on a pod: the frontend's hooks wait for the reconcile
Judgement = tuple[Finding | None, Attached | None]


class AttachingHalf:
    """Implements ``ports.dataplane.Attaching``."""

    def __init__(self, desk: Desk, attachments: Attachments, recovery: Recovery, gates: Gates, host: Namespace) -> None:
        self._desk = desk
        self._attachments = attachments
        self._recovery = recovery
        self._gates = gates
        self._host = host

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """See the port."""
        return self._desk.once(call, ("attach", sandbox), lambda: self._attach(sandbox, call))

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """See the port. Once begun it is finished whatever the time: half a way back is worse than a late answer."""
        return self._desk.once(call, ("detach", sandbox), lambda: self._detach(sandbox, call))

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """See the port. One pod that cannot be looked at keeps no other from being reconciled."""
        self._desk.check_time("reconcile", call)
        records = self._desk.ledger.records()
        works = side_by_side([partial(self._judge, record, live, call) for record in records])
        unclaimed = orphans.suspects(self._host)
        judged = [self._judged(record, work, call) for record, work in zip(records, works, strict=True)]
        settled = self._desk.ledger.records()
        self._gates.agree(settled)
        orphans.tell(unclaimed, (*records, *settled))
        findings = tuple(finding for finding, _ in judged if finding is not None)
        return Report(findings=findings, attached=tuple(attached for _, attached in judged if attached is not None))

    def held(self, call: Call) -> tuple[Held, ...]:
        """See the port."""
        self._desk.check_time("held", call)
        uids = [record.pod.uid for record in self._desk.ledger.records() if record.phase is not Phase.PREPARED]
        works = side_by_side([partial(self._held, uid, call) for uid in uids])
        return tuple(held for uid, work in zip(uids, works, strict=True) for held in self._seen(uid, work, call))

    def _attach(self, sandbox: Sandbox, call: Call) -> Attached:
        with self._desk.pod(sandbox.pod_uid, call) as record:
            if record is None:
                hint = "see the events of its claims"
                raise Failure(Code.NOT_FOUND, f"pod {sandbox.pod_uid}", "nothing is prepared for it", hint)
            if record.phase is Phase.DOUBTFUL:
                record = self._recovery.settle(record)
            if (
                record.phase is Phase.ATTACHED
                and record.sandbox == sandbox.id
                and not self._attachments.missing(record)
            ):
                self._gates.open(record)
                return already(record)
            free = self._freed(record)
            return self._attachments.attach(free, sandbox, lambda: self._desk.check_time(str(free.pod), call))

    def _freed(self, record: PodRecord) -> PodRecord:
        if record.phase is not Phase.PREPARED:
            record, _ = self._attachments.detach(record)
        if record.phase is not Phase.PREPARED:
            hint = "it is tried again with the next attach"
            raise Failure(Code.CONFLICT, str(record.pod), f"an earlier sandbox still has it: {record.reason}", hint)
        return record

    def _detach(self, sandbox: Sandbox, call: Call) -> Detached:
        with self._desk.pod(sandbox.pod_uid, call) as record:
            if record is None or record.sandbox != sandbox.id:
                return Detached(pod_uid=sandbox.pod_uid)
            _, detached = self._attachments.detach(record)
            return detached

    def _judged(self, seen: PodRecord, work: Work[Judgement], call: Call) -> Judgement:
        try:
            return work.result(min(self._desk.left("reconcile", call), ONE_POD), str(seen.pod))
        except Exception as error:  # noqa: BLE001 - a defect of one is nobody else's
            failure = as_failure(error, str(seen.pod), about(seen))
            self._desk.check_time("reconcile", call)
            return Finding(pod=seen.pod, verdict=Verdict.BROKEN, reason=str(failure)), None

    def _judge(self, seen: PodRecord, live: tuple[Sandbox, ...], call: Call) -> Judgement:
        with ExitStack() as stack:
            try:
                record = stack.enter_context(self._desk.pod(seen.pod.uid, self._desk.sooner(call, BUSY)))
            except Failure as failure:  # a command that hangs, most often: nobody else waits for it
                self._desk.check_time("reconcile", call)
                return Finding(pod=seen.pod, verdict=Verdict.WAITING, reason=str(failure)), None
            if record is None:
                return None, None
            if record.sandbox != seen.sandbox:  # it was attached after the list was made, which cannot know of it
                live = (*live, Sandbox(id=record.sandbox or "", pod_uid=record.pod.uid, netns=record.netns))
            return self._recovery.judge(record, live, lambda: self._desk.check_time(str(seen.pod), call))

    def _seen(self, pod_uid: str, work: Work[tuple[Held, ...]], call: Call) -> tuple[Held, ...]:
        """What one pod holds; one that hangs is told of in the log and keeps nobody from hearing of the others."""
        try:
            return work.result(min(self._desk.left("held", call), ONE_POD), f"pod {pod_uid}")
        except Exception as error:  # noqa: BLE001 - a defect of one is nobody else's
            failure = as_failure(error, f"pod {pod_uid}")
            self._desk.check_time("held", call)
            log.warning("not known what it holds: %s", failure)
            return ()

    def _held(self, pod_uid: str, call: Call) -> tuple[Held, ...]:
        with self._desk.pod(pod_uid, call) as record:
            if record is None:
                return ()
            box = record.sandbox or ""
            return tuple(
                Held(pod=record.pod, sandbox=box, device=plan.device, identity=link.identity, interface=link.name)
                for plan, link in self._attachments.present(record)
            )
