"""How attaches went, for the DRA frontend: made from what the dataplane answered, and sent until it is acknowledged.

The runtime's hook does not wait for any of this. Only the newest outcome of a claim is worth sending, so the waiting
line holds one a claim and stays small however long the other side is away.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from agent.services.backoff import Backoff
from agent.services.bell import Bell
from ports.clock import Clock
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Outcome, Outcomes
from ports.ledger import PodRecord
from ports.plan import Plan
from ports.results import Attached, AttachedDevice
from ports.telemetry import trace_id

log = logging.getLogger("knd.outcomes")

WAITING = 4096
ANSWER_SECONDS = 5.0
HOPELESS = frozenset({Code.INVALID, Code.REFUSED})


def succeeded(record: PodRecord, devices: tuple[AttachedDevice, ...], at_ns: int) -> tuple[Outcome, ...]:
    """One outcome a claim of the pod, with the claim's devices."""
    return tuple(_outcome(record, plan, devices, at_ns) for plan in record.plans)


def failed(record: PodRecord, error: str, at_ns: int) -> tuple[Outcome, ...]:
    """One outcome a claim of the pod, with the reason."""
    return tuple(_outcome(record, plan, (), at_ns, error) for plan in record.plans)


def ended(record: PodRecord, lost: tuple[str, ...], at_ns: int) -> tuple[Outcome, ...]:
    """One outcome a claim of the pod: its devices have left it; ``lost`` tells of those that are not back in the host."""
    told = failed(record, "; ".join(lost), at_ns)
    return tuple(replace(outcome, ended=True) for outcome in told)


def reported(attached: Attached, at_ns: int) -> tuple[Outcome, ...]:
    """The same from a reconcile's answer alone, for a pod whose record cannot be read."""
    claims = dict.fromkeys(device.claim for device in attached.devices)
    return tuple(
        Outcome(
            claim=claim,
            pod=attached.pod,
            devices=tuple(device for device in attached.devices if device.claim == claim),
            at_ns=at_ns,
            traceparent=attached.traceparent,
        )
        for claim in claims
    )


def _outcome(
    record: PodRecord, plan: Plan, devices: tuple[AttachedDevice, ...], at_ns: int, error: str = ""
) -> Outcome:
    return Outcome(
        claim=plan.claim,
        pod=record.pod,
        devices=tuple(device for device in devices if device.claim.uid == plan.claim.uid),
        error=error,
        at_ns=at_ns,
        traceparent=plan.traceparent,
    )


@dataclass
class Sender:
    """The waiting line and the loop that empties it. ``put`` never waits; ``run`` belongs in a thread of its own."""

    target: Outcomes
    clock: Clock
    backoff: Backoff = field(default_factory=lambda: Backoff(first=0.1, limit=10.0))

    def __post_init__(self) -> None:
        self._bell = Bell()
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, Outcome] = OrderedDict()

    def put(self, outcome: Outcome) -> None:
        """Take an outcome over in the place of an earlier one of the same claim."""
        with self._lock:
            self._waiting.pop(outcome.claim.uid, None)
            self._waiting[outcome.claim.uid] = outcome
            dropped = self._waiting.popitem(last=False)[1] if len(self._waiting) > WAITING else None
        if dropped is not None:
            log.error("an outcome is dropped, too many are waiting", extra=_about(dropped))
        self._bell.ring()

    def run(self) -> None:
        """Send what waits until stopped."""
        while not self._bell.closed:
            self._bell.wait()
            while not self._bell.closed and (outcome := self._first()) is not None:
                self._send(outcome)

    def stop(self) -> None:
        """End ``run``. What is still waiting is told again by the next reconcile or attach."""
        self._bell.close()

    def _first(self) -> Outcome | None:
        with self._lock:
            return next(iter(self._waiting.values()), None)

    def _send(self, outcome: Outcome) -> None:
        key = f"outcome-{outcome.claim.uid}-{outcome.at_ns}"
        call = Call(key=key, deadline=self.clock.monotonic() + ANSWER_SECONDS, traceparent=outcome.traceparent)
        try:
            self.target.report(outcome, call)
        except Failure as failure:
            self._failed(outcome, failure)
        else:
            self.backoff.reset()
            self._done(outcome)

    def _failed(self, outcome: Outcome, failure: Failure) -> None:
        if failure.code in HOPELESS:
            log.error("an outcome is not taken: %s", failure, extra=_about(outcome))
            self._done(outcome)
            return
        level = logging.DEBUG if self.backoff.attempts else logging.WARNING
        log.log(level, "an outcome is not reported yet: %s", failure, extra=_about(outcome))
        self._last(outcome)
        self._bell.pause(self.backoff.next())

    def _done(self, outcome: Outcome) -> None:
        with self._lock:
            if self._waiting.get(outcome.claim.uid) is outcome:  # a newer one may have come meanwhile
                del self._waiting[outcome.claim.uid]

    def _last(self, outcome: Outcome) -> None:
        with self._lock:
            if outcome.claim.uid in self._waiting:
                self._waiting.move_to_end(outcome.claim.uid)


def _about(outcome: Outcome) -> dict[str, str]:
    return {"pod": str(outcome.pod), "claim": str(outcome.claim), "trace": trace_id(outcome.traceparent)}
