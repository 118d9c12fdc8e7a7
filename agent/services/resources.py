"""The kubelet's side: make claims ready before their pod starts, and take them back after it has ended.

Each claim is answered on its own, and those of one call side by side. What can pass by itself (a peer that restarts, a
device on its way back from another pod) is waited for inside the kubelet's deadline; everything else is answered at once,
in words the user reads in the pod's events. A claim that is held already is answered from what is held, without looking
at the host.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.domain.claims import Allocated
from agent.services.notices import Notices
from agent.services.preparing import MARGIN, Preparation
from agent.services.together import together
from agent.services.tracing import Steps
from agent.services.turns import Turns
from ports.clock import Clock
from ports.cluster import Notice
from ports.errors import Code, Failure
from ports.frontends import Outcome
from ports.gate import cdi_device_id
from ports.inbound import Prepared, PreparedDevice
from ports.metrics import Meter
from ports.plan import ClaimRef, PodRef
from ports.telemetry import Tracer, trace_id

log = logging.getLogger("knd.resources")


class Resources:
    """``ResourceHooks`` for this driver. ``gated``: containers get the CDI device that exists only while attached.

    ``ended`` is told of a claim whose devices nobody had brought back before Unprepare did.
    """

    def __init__(
        self,
        *,
        driver: str,
        preparation: Preparation,
        notices: Notices,
        clock: Clock,
        tracer: Tracer,
        meter: Meter,
        ended: Callable[[Outcome], None],
        gated: bool = True,
    ) -> None:
        self._driver = driver
        self._preparation = preparation
        self._notices = notices
        self._clock = clock
        self._tracer = tracer
        self._meter = meter
        self._gated = gated
        self._ended = ended
        self._turns = Turns()

    def prepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        """Make the claims ready, side by side; one answer a claim, in their order."""
        return together(lambda claim: self._answer("prepare", claim, deadline, self._prepare), claims)

    def unprepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        """Take the claims back; one answer a claim."""
        return together(lambda claim: self._answer("unprepare", claim, deadline, self._unprepare), claims)

    def mend(self, claim: ClaimRef, deadline: float, wanted: Callable[[], bool]) -> Prepared:
        """Prepare a claim again whose record was lost, unless it was taken back before its turn came."""

        def work(claim: ClaimRef, deadline: float, steps: Steps, traceparent: str) -> Prepared:
            return self._prepare(claim, deadline, steps, traceparent) if wanted() else Prepared(claim=claim)

        return self._answer("prepare", claim, deadline, work)

    def _prepare(self, claim: ClaimRef, deadline: float, steps: Steps, traceparent: str) -> Prepared:
        devices = self._preparation.prepare(claim, deadline, steps, traceparent)
        return Prepared(claim=claim, devices=tuple(self._device(claim, device) for device in devices))

    def _unprepare(self, claim: ClaimRef, deadline: float, steps: Steps, traceparent: str) -> Prepared:
        detached = self._preparation.unprepare(claim, deadline, steps, traceparent)
        lost = "; ".join(detached.lost)
        if detached.devices:  # nobody told us that the sandbox has ended
            pod = PodRef(namespace=claim.namespace, name="", uid=detached.pod_uid)
            self._ended(Outcome(claim=claim, pod=pod, devices=(), at_ns=self._clock.wall_ns(), ended=True))
        if lost:
            self._report(claim, "DeviceLost", f"{claim}: not brought back to the host: {lost}")
        return Prepared(claim=claim)

    def _device(self, claim: ClaimRef, device: Allocated) -> PreparedDevice:
        moved = self._gated and not device.admin_access
        return PreparedDevice(
            request=device.base_request,
            pool=device.pool,
            device=device.device,
            cdi_device_ids=(cdi_device_id(self._driver, claim.uid),) if moved else (),
            share_id=device.share_id,
        )

    def _answer(
        self,
        verb: str,
        claim: ClaimRef,
        deadline: float,
        work: Callable[[ClaimRef, float, Steps, str], Prepared],
    ) -> Prepared:
        steps, traceparent, began = Steps(self._clock), self._tracer.start(), self._clock.monotonic()
        failure: Failure | None = None
        try:
            with self._turns.turn(claim.uid, deadline - MARGIN - began):
                answer = work(claim, deadline, steps, traceparent)
        except Failure as caught:
            failure = caught
        except Exception as defect:  # the serving loop: one claim's defect must not cost the others
            log.exception("%s of %s", verb, claim, extra=_about(claim, traceparent))
            failure = Failure(Code.INTERNAL, str(claim), f"{type(defect).__name__}: {defect}", "a defect; see the log")
        self._meter.count("knd_claims", call=verb, result=failure.code if failure else "success")
        self._meter.observe("knd_claim_seconds", self._clock.monotonic() - began, call=verb)
        self._tracer.record(steps.whole(verb, {"k8s.claim.uid": claim.uid}, str(failure or "")), traceparent)
        return self._refusal(verb, claim, failure, traceparent) if failure else answer

    def _refusal(self, verb: str, claim: ClaimRef, failure: Failure, traceparent: str) -> Prepared:
        text = str(failure)
        log.warning("%s failed: %s", verb, text, extra=_about(claim, traceparent))
        self._report(claim, f"{verb.capitalize()}Failed", text)
        return Prepared(claim=claim, error=text)

    def _report(self, claim: ClaimRef, reason: str, message: str) -> None:
        self._notices.put(
            Notice(
                kind="ResourceClaim",
                namespace=claim.namespace,
                name=claim.name,
                uid=claim.uid,
                reason=reason,
                message=message,
            )
        )


def _about(claim: ClaimRef, traceparent: str) -> dict[str, str]:
    return {"claim": str(claim), "trace": trace_id(traceparent)}
