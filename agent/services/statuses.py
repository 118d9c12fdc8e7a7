"""Attach outcomes on their way into the claims' status: noted first, then told until it is done or pointless.

A claim that is gone or replaced needs no status. Everything else is tried again, ever more slowly: a missing permission is
given later, an API server comes back. Only the newest outcome of a claim counts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from agent.domain import claims
from agent.domain.status import entries, present
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.notices import Notices
from ports.clock import Clock
from ports.cluster import Claims, Json, Notice
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Outcome, Refusal
from ports.metrics import Meter
from ports.outbox import Outbox
from ports.telemetry import trace_id

log = logging.getLogger("knd.status")


def no_data(_claim_uid: str, _device: str) -> Json:
    """Nothing more is known of any device."""
    return {}


class Statuses:
    """``Outcomes`` and ``Refusals`` for the NRI frontend, and the loop that tells the API server.

    ``data`` gives what else is known of a claim's device: the content of its status' ``data``.
    """

    def __init__(
        self,
        *,
        driver: str,
        cluster: Claims,
        outbox: Outbox,
        notices: Notices,
        clock: Clock,
        meter: Meter,
        data: Callable[[str, str], Json] = no_data,
    ) -> None:
        self._driver = driver
        self._cluster = cluster
        self._outbox = outbox
        self._notices = notices
        self._clock = clock
        self._meter = meter
        self._data = data
        self._bell = Bell()
        self._noting = threading.Lock()
        self._waits: dict[str, tuple[float, Backoff]] = {}

    def report(self, outcome: Outcome, call: Call) -> None:
        """Take the outcome over: durably noted when this returns."""
        if self._clock.monotonic() >= call.deadline:
            raise Failure(Code.DEADLINE, str(outcome.claim), "the report came after its deadline", "send it again")
        self.take(outcome)

    def take(self, outcome: Outcome) -> None:
        """The same for whoever is in this process."""
        with self._noting:
            earlier = self._outbox.get(outcome.claim.uid)
            if earlier is None or earlier.at_ns <= outcome.at_ns:
                self._outbox.put(outcome.claim.uid, outcome)
        if not outcome.ended:
            self._meter.count("knd_attaches", result="failed" if outcome.error else "success")
        if outcome.error and (earlier is None or earlier.error != outcome.error):
            self._notices.put(_notice(outcome))
        self._bell.ring()

    def refused(self, refusal: Refusal, call: Call) -> None:  # noqa: ARG002 - as the port has it
        """Record an Event on the pod."""
        pod = refusal.pod
        self._notices.put(
            Notice(
                kind="Pod",
                namespace=pod.namespace,
                name=pod.name,
                uid=pod.uid,
                reason="ContainerRefused",
                message=refusal.reason,
            )
        )

    def run(self) -> None:
        """Tell what there is to tell, until stopped."""
        while not self._bell.closed:
            self._bell.wait(self.step())

    def stop(self) -> None:
        """End ``run``. What is not told yet stays in the outbox."""
        self._bell.close()

    def step(self) -> float | None:
        """Tell everything that is due. Seconds until something is due again; None when nothing is left."""
        pending = self._outbox.all()
        self._waits = {uid: wait for uid, wait in self._waits.items() if uid in pending}
        self._meter.show("knd_status_pending", len(pending))
        now = self._clock.monotonic()
        for uid, outcome in pending.items():
            due, backoff = self._waits.get(uid, (now, Backoff()))
            if due <= now and not self._bell.closed:
                self._tell(uid, outcome, backoff)
        return min((max(0.0, due - self._clock.monotonic()) for due, _ in self._waits.values()), default=None)

    def _tell(self, uid: str, outcome: Outcome, backoff: Backoff) -> None:
        try:
            self._write(outcome)
        except Failure as failure:
            self._meter.count("knd_status_writes", result=failure.code)
            if not _pointless(failure):
                log.warning("status not written, trying again: %s", failure, extra=_about(outcome))
                self._again(uid, backoff)
                return
            log.info("status not needed any more: %s", failure, extra=_about(outcome))
        except Exception:  # it is on the disk, so it would be here again after a restart: it must cost no other claim
            self._meter.count("knd_status_writes", result=Code.INTERNAL)
            log.exception("a defect; status not written, trying again", extra=_about(outcome))
            self._again(uid, backoff)
            return
        self._waits.pop(uid, None)
        with self._noting:
            if self._outbox.get(uid) == outcome:  # not replaced by a newer one meanwhile
                self._outbox.drop(uid)

    def _again(self, uid: str, backoff: Backoff) -> None:
        self._waits[uid] = (self._clock.monotonic() + backoff.next(), backoff)

    def _write(self, outcome: Outcome) -> None:
        body = self._cluster.claim(outcome.claim.namespace, outcome.claim.name)
        if body["metadata"].get("uid") != outcome.claim.uid or not claims.allocated(body, self._driver):
            raise Failure(Code.NOT_FOUND, str(outcome.claim), "was replaced or deallocated")
        wanted = entries(outcome, body, self._driver, partial(self._data, outcome.claim.uid))
        if wanted == present(body, self._driver):
            return
        self._cluster.apply_device_status(outcome.claim, wanted, self._driver)
        self._meter.count("knd_status_writes", result="success")
        log.info("status written: %s", _words(outcome), extra=_about(outcome))


def _pointless(failure: Failure) -> bool:
    return failure.code is Code.NOT_FOUND


def _notice(outcome: Outcome) -> Notice:
    return Notice(
        kind="Pod",
        namespace=outcome.pod.namespace,
        name=outcome.pod.name,
        uid=outcome.pod.uid,
        reason="DeviceLost" if outcome.ended else "AttachFailed",
        message=f"{outcome.claim}: {outcome.error}",
    )


def _words(outcome: Outcome) -> str:
    return "detached" if outcome.ended else "failed" if outcome.error else "ready"


def _about(outcome: Outcome) -> dict[str, str]:
    return {
        "claim": str(outcome.claim),
        "pod": str(outcome.pod),
        "trace": trace_id(outcome.traceparent),
    }
