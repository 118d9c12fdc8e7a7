"""Attach and detach as the runtime's hooks need them: within the deadline, told to whom it concerns, one at a time.

A reconcile must not run between: it decides by a list of sandboxes, and what is attached or detached after the list was
taken would be undone, or done again in a sandbox that has ended. Hence the one lock; runtimes serialise their hooks
anyway.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from agent.services import live, outcomes, spans
from ports.clock import Clock
from ports.dataplane import Attaching, Call
from ports.errors import Code, Failure
from ports.frontends import Outcome
from ports.inbound import PodSandbox
from ports.ledger import PodRecord
from ports.ledger import about as about
from ports.results import Attached, Detached, StepTiming
from ports.telemetry import Tracer

log = logging.getLogger("knd.sandboxes")

AGAIN_SECONDS = 0.05

T = TypeVar("T")


@dataclass
class Attacher:
    """The dataplane's half for sandboxes, with what has to be told afterwards. ``tell`` must not block."""

    dataplane: Attaching
    tell: Callable[[Outcome], None]
    tracer: Tracer
    clock: Clock

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._told: set[str] = set()

    @contextmanager
    def alone(self, seconds: float, subject: str) -> Iterator[None]:
        """Keep everything else off the pods' devices; DEADLINE when that takes too long."""
        if not self._lock.acquire(timeout=max(0.0, seconds)):
            raise Failure(Code.DEADLINE, subject, "this node's devices are busy with other pods", "it is tried again")
        try:
            yield
        finally:
            self._lock.release()

    def attach(self, sandbox: PodSandbox, record: PodRecord, deadline: float) -> None:
        """Attach all of the pod's devices; a Failure is told and traced before it is raised."""
        start = self.clock.wall_ns()
        try:
            attached = self._attach(sandbox, record, deadline)
        except Failure as failure:
            self._trace(record, "attach", sandbox.id, start, error=str(failure))
            self.failed(record, sandbox.id, failure)
            raise
        if not attached.already:
            self._trace(record, "attach", sandbox.id, start, attached.timings)
            interfaces = ", ".join(device.interface or device.device for device in attached.devices)
            log.info("attached %s in %.1f ms", interfaces, (self.clock.wall_ns() - start) / 1e6, extra=about(record))
        self.succeeded(record, attached)

    def detach(self, sandbox: PodSandbox, record: PodRecord | None, deadline: float) -> Detached:
        """Bring the sandbox's devices back; ``record`` is None where it cannot be read."""
        start = self.clock.wall_ns()
        with self.alone(deadline - self.clock.monotonic(), str(sandbox.pod)):
            call = self._call(deadline, _traceparent(record))
            detached = self._patiently(lambda: self.dataplane.detach(live.of(sandbox), call), deadline)
        self._told.discard(sandbox.id)
        if record is not None and detached.timings:
            self._trace(record, "detach", sandbox.id, start, detached.timings)
        if record is not None and (detached.devices or detached.lost):
            self.ended(record, detached.lost)
        return detached

    def succeeded(self, record: PodRecord, attached: Attached) -> None:
        """Tell that the pod's devices are in this sandbox, unless that has been told."""
        if attached.sandbox not in self._told:
            self._told.add(attached.sandbox)
            for outcome in outcomes.succeeded(record, attached.devices, self.clock.wall_ns()):
                self.tell(outcome)

    def failed(self, record: PodRecord, sandbox_id: str, failure: Failure) -> None:
        """Tell that they are not."""
        self._told.discard(sandbox_id)
        log.error("not attached: %s", failure, extra=about(record))
        for outcome in outcomes.failed(record, str(failure), self.clock.wall_ns()):
            self.tell(outcome)

    def ended(self, record: PodRecord, lost: tuple[str, ...] = ()) -> None:
        """Tell that they were, and are no more."""
        for outcome in outcomes.ended(record, lost, self.clock.wall_ns()):
            self.tell(outcome)

    def retain(self, sandbox_ids: set[str]) -> None:
        """Remember nothing of other sandboxes, which have ended."""
        self._told &= sandbox_ids

    def tell_again(self) -> None:
        """Let the next comparison tell of every pod that is attached, whatever has been told."""
        self._told.clear()

    def trace_late(self, record: PodRecord, attached: Attached) -> None:
        """Draw an attach that a reconcile did, which was nobody's call."""
        start = min((timing.start_ns for timing in attached.timings), default=self.clock.wall_ns())
        self._trace(record, "attach", attached.sandbox, start, attached.timings)

    def _attach(self, sandbox: PodSandbox, record: PodRecord, deadline: float) -> Attached:
        with self.alone(deadline - self.clock.monotonic(), str(record.pod)):
            call = self._call(deadline, _traceparent(record))
            attached = self._patiently(lambda: self.dataplane.attach(live.of(sandbox), call), deadline)
        missing = {plan.claim.uid for plan in record.plans if plan.devices} - _claims(attached)
        if missing or attached.sandbox != sandbox.id:
            raise Failure(
                Code.CONFLICT, str(record.pod), "its claims changed while it was attached", "it is tried again"
            )
        return attached

    def _patiently(self, action: Callable[[], T], deadline: float) -> T:
        """A dataplane that is being restarted is back within a second: wait for it as long as there is time."""
        while True:
            try:
                return action()
            except Failure as failure:
                if failure.code is not Code.UNAVAILABLE or self.clock.monotonic() + AGAIN_SECONDS >= deadline:
                    raise
            self.clock.sleep(AGAIN_SECONDS)

    def _call(self, deadline: float, traceparent: str) -> Call:
        return Call(key=uuid.uuid4().hex, deadline=deadline, traceparent=traceparent)

    def _trace(
        self,
        record: PodRecord,
        name: str,
        sandbox_id: str,
        start_ns: int,
        timings: tuple[StepTiming, ...] = (),
        error: str = "",
    ) -> None:
        end_ns = self.clock.wall_ns()
        work = spans.Work(name=name, sandbox=sandbox_id, start_ns=start_ns, end_ns=end_ns, timings=timings, error=error)
        for span, traceparent in spans.trees(record, work):
            self.tracer.record(span, traceparent)


def _claims(attached: Attached) -> set[str]:
    return {device.claim.uid for device in attached.devices}


def _traceparent(record: PodRecord | None) -> str:
    return next((plan.traceparent for plan in record.plans if plan.traceparent), "") if record else ""
