"""The comparison of the runtime's sandboxes with what the dataplane holds: after each connect, and after a missed detach.

It runs beside the hooks, because the runtime waits for the answer to its list before it runs any pod, and goes on until
the dataplane has answered and no live sandbox waits for its devices any more. The latter is nobody else's business: the
runtime refuses the containers of such a pod for want of a CDI device before it asks any plugin.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field

from agent.services import outcomes
from agent.services.attaching import Attacher
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.live import Live
from ports.clock import Clock
from ports.dataplane import Attaching, Call, Sandbox
from ports.errors import Code, Failure
from ports.ledger import LedgerReader, PodRecord
from ports.plan import PodRef
from ports.results import Attached, Finding, Report, Verdict

log = logging.getLogger("knd.reconcile")

ANSWER_SECONDS = 10.0
LEVELS = {Verdict.BROKEN: logging.ERROR, Verdict.ATTACHED: logging.WARNING, Verdict.RETURNED: logging.WARNING}


@dataclass
class Reconciler:
    """``request`` asks for a reconcile and returns at once; ``run`` belongs in a thread of its own."""

    dataplane: Attaching
    ledger: LedgerReader
    live: Live
    attacher: Attacher
    clock: Clock
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.2, limit=10.0))

    def __post_init__(self) -> None:
        self._bell = Bell()
        self._waiting: dict[str, str] = {}

    def request(self) -> None:
        """Compare soon; requests that come together are one."""
        self._bell.ring()

    def run(self) -> None:
        """Compare whenever asked to, until stopped."""
        while not self._bell.closed:
            if self._bell.wait():
                self._until_done()

    def stop(self) -> None:
        """End ``run``; a comparison under way ends by its own deadline."""
        self._bell.close()

    def once(self) -> bool:
        """One comparison, now, and what has to be told of it. Whether a live sandbox still waits for its devices."""
        self.digest(*self._compare())
        return bool(self._waiting)

    def _until_done(self) -> None:
        while not self._bell.closed:
            try:
                waiting = self.once()
            except Failure as failure:
                level = logging.DEBUG if self.backoff.attempts else logging.WARNING
                log.log(level, "not reconciled yet: %s", failure)
                self._bell.pause(self.backoff.next())
                continue
            if not waiting:
                self.backoff.reset()
                return
            self._bell.wait(self.backoff.next())

    def _compare(self) -> tuple[Report, tuple[Sandbox, ...]]:
        with self.attacher.alone(ANSWER_SECONDS, "reconcile"):
            call = Call(key=uuid.uuid4().hex, deadline=self.clock.monotonic() + ANSWER_SECONDS)
            sandboxes = self.live.all()
            self.attacher.retain({sandbox.id for sandbox in sandboxes})
            return self.dataplane.reconcile(sandboxes, call), sandboxes

    def digest(self, report: Report, compared: tuple[Sandbox, ...]) -> None:
        """Log what was found, and tell of what is attached, what is broken, and what goes on waiting for a new reason.

        ``compared`` are the sandboxes that the report is about: one that came after them has had no attach that failed.
        """
        before, self._waiting = self._waiting, _stuck(report, compared)
        for finding in report.findings:
            if finding.pod.uid not in self._waiting:
                self._log(finding)
            elif before.get(finding.pod.uid) != finding.reason:
                self._tell_not_attached(finding, "it is tried again")
            if finding.verdict is Verdict.BROKEN:
                self._tell_not_attached(finding, "delete the pod, so that it starts anew")
            if finding.verdict is Verdict.RETURNED and (record := self._record(finding.pod)) is not None:
                self.attacher.ended(record)
        for attached in report.attached:
            self._tell_attached(attached)

    def _log(self, finding: Finding) -> None:
        level = LEVELS.get(finding.verdict, logging.INFO)
        log.log(level, "%s: %s", finding.verdict, finding.reason or "as it should be", extra={"pod": str(finding.pod)})

    def _tell_not_attached(self, finding: Finding, hint: str) -> None:
        record = self._record(finding.pod)
        if record is not None:
            failure = Failure(Code.CONFLICT, str(finding.pod), finding.reason, hint)
            self.attacher.failed(record, record.sandbox or "", failure)

    def _tell_attached(self, attached: Attached) -> None:
        record = self._record(attached.pod)
        if record is not None:
            if not attached.already:
                self.attacher.trace_late(record, attached)
            self.attacher.succeeded(record, attached)
        else:
            for outcome in outcomes.reported(attached, self.clock.wall_ns()):
                self.attacher.tell(outcome)

    def _record(self, pod: PodRef) -> PodRecord | None:
        try:
            return self.ledger.read(pod.uid)
        except Failure as failure:
            log.error("the record is unreadable: %s", failure, extra={"pod": str(pod)})
            return None


def _stuck(report: Report, compared: tuple[Sandbox, ...]) -> dict[str, str]:
    """Why each pod waits whose sandbox has been there already: an attach of it failed."""
    started = {box.pod_uid for box in compared if box.netns is not None}
    waiting = (finding for finding in report.findings if finding.verdict is Verdict.WAITING)
    return {finding.pod.uid: finding.reason for finding in waiting if finding.pod.uid in started}
