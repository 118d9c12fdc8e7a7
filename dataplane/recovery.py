"""Making one story of the ledger, the kernel and the runtime's list, after a crash or when somebody was away.

The kernel is the truth: an intent in the ledger only says where to look. What was under way is undone, never finished,
because the runtime asks for an attach again and nobody asks for an undo.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from dataplane.attachments import Attachments
from dataplane.namespaces import Namespaces
from dataplane.readdressing import Readdressing
from dataplane.steps import Site, bring_home
from dataplane.transitions import already
from ports.controls import Machine
from ports.dataplane import Sandbox
from ports.errors import Failure
from ports.ledger import Phase, PodRecord, about
from ports.results import Attached, Finding, Verdict

log = logging.getLogger("knd.dataplane")
CheckTime = Callable[[], None]


class Recovery:
    """Decides about one pod at a time; callers hold its lock."""

    def __init__(
        self, machine: Machine, attachments: Attachments, namespaces: Namespaces, readdressing: Readdressing
    ) -> None:
        self._machine = machine
        self._attachments = attachments
        self._namespaces = namespaces
        self._readdressing = readdressing

    def settle(self, record: PodRecord) -> PodRecord:
        """End what was under way and take back what died with its namespace; an attachment that lives is held again."""
        if record.phase is Phase.PREPARED:
            return record
        if record.phase is Phase.ATTACHED and self._namespaces.is_alive(record):
            self._namespaces.of(record)
            return record if record.readdressing is None else self._readdressing.undo(record)
        if record.phase is Phase.DOUBTFUL and self._namespaces.is_alive(record):
            adopted = self._attachments.adopt(record)
            if adopted is not None:
                log.warning("adopted as the kernel shows it: its record was damaged", extra=about(record))
                return adopted
        log.info("taking back what was %s", record.phase, extra=about(record))
        settled, _ = self._attachments.detach(record)
        return settled

    def tidy(self, record: PodRecord) -> None:
        """Bring a prepared pod's devices home that came back to the host late and under a name of ours."""
        for device in (device for plan in record.plans for device in plan.devices):
            try:
                bring_home(Site(plan=device, machine=self._machine, pod=None))
            except Failure as failure:
                log.error("not restored: %s", failure, extra=about(record))

    def judge(
        self, record: PodRecord, live: Iterable[Sandbox], check_time: CheckTime
    ) -> tuple[Finding, Attached | None]:
        """What is true of this pod now, given the runtime's sandboxes of it, after doing what can be done about it."""
        mine = tuple(box for box in live if box.pod_uid == record.pod.uid and box.netns is not None)
        current = next((box for box in mine if box.id == record.sandbox), None)
        if current is not None and record.phase in (Phase.ATTACHED, Phase.DOUBTFUL):
            return self._judge_attached(self.settle(record), current, check_time)
        if record.phase is not Phase.PREPARED:
            record, detached = self._attachments.detach(record)
            if not mine:
                return _returned(record, detached.lost), None
        return self._judge_prepared(record, mine, check_time)

    def _judge_attached(
        self, record: PodRecord, sandbox: Sandbox, check_time: CheckTime
    ) -> tuple[Finding, Attached | None]:
        if record.phase is not Phase.ATTACHED:
            return self._judge_prepared(record, (sandbox,), check_time)
        missing = self._attachments.missing(record)
        if not missing:
            return Finding(pod=record.pod, verdict=Verdict.ADOPTED), already(record)
        reason = f"not in the pod any more: {', '.join(missing)}"
        if sandbox.containers_started:
            return Finding(pod=record.pod, verdict=Verdict.BROKEN, reason=reason), None
        record, _ = self._attachments.detach(record)
        return self._judge_prepared(record, (sandbox,), check_time)

    def _judge_prepared(
        self, record: PodRecord, mine: tuple[Sandbox, ...], check_time: CheckTime
    ) -> tuple[Finding, Attached | None]:
        if not mine:
            self.tidy(record)
            return Finding(pod=record.pod, verdict=Verdict.WAITING, reason=record.reason or "no sandbox yet"), None
        if any(box.containers_started for box in mine):
            reason = "its containers run without their devices"
            return Finding(pod=record.pod, verdict=Verdict.BROKEN, reason=reason), None
        try:
            attached = self._attachments.attach(replace(record, reason=""), mine[-1], check_time)
        except Failure as failure:
            return Finding(pod=record.pod, verdict=Verdict.WAITING, reason=str(failure)), None
        return Finding(pod=record.pod, verdict=Verdict.ATTACHED, reason="attached late"), attached


def _returned(record: PodRecord, lost: tuple[str, ...]) -> Finding:
    verdict = Verdict.BROKEN if lost else Verdict.RETURNED
    return Finding(pod=record.pod, verdict=verdict, reason="; ".join(lost) or "its sandbox is gone")
