"""One claim, from the kubelet's request to a plan that the dataplane holds, and back."""

from __future__ import annotations

import logging
from uuid import uuid4

from agent.domain import claims
from agent.domain.claims import Allocated, Configured
from agent.domain.configuring import platform_notes, refitted
from agent.domain.defaults import on_this_host
from agent.domain.leasing import all_sought, laid
from agent.domain.planning import left_behind, plan
from agent.services.configuration import Configuration
from agent.services.inventories import Inventories
from agent.services.leases import Leases
from agent.services.patience import AWAY, PASSING, Patience
from agent.services.tracing import Steps
from ports.clock import Clock
from ports.cluster import Claims, Json
from ports.dataplane import Call, Preparing
from ports.errors import Code, Failure
from ports.frontends import RuntimeLink
from ports.plan import ClaimRef, Plan, PodRef
from ports.results import Detached
from ports.telemetry import trace_id

log = logging.getLogger("knd.preparing")
MARGIN = 2.0  # seconds before the kubelet's deadline at which an answer must be on its way
PATIENCE = 10.0  # seconds to wait for a device that is on its way back from another pod
ONE_CALL = 5.0  # seconds for one question to a peer


class Preparation:
    """What has to be known and done for a claim. Raises ``Failure``; ``Resources`` makes answers of it."""

    def __init__(
        self,
        *,
        driver: str,
        node: str,
        cluster: Claims,
        dataplane: Preparing,
        runtime: RuntimeLink,
        inventories: Inventories,
        configuration: Configuration,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._driver = driver
        self._node = node
        self._cluster = cluster
        self._dataplane = dataplane
        self._runtime = runtime
        self._inventories = inventories
        self._configuration = configuration
        self._leases = leases
        self._clock = clock
        self._patience = Patience(clock)
        self._plans: dict[str, Plan] = {}

    def prepare(self, claim: ClaimRef, deadline: float, steps: Steps, traceparent: str) -> tuple[Allocated, ...]:
        """The claim's devices of this driver, all of them prepared."""
        end = deadline - MARGIN
        with steps.step("runtime"):
            self._patience.try_until(end, AWAY, lambda: self._require_runtime(end, traceparent))
        with steps.step("held"):
            held = self._patience.try_until(end, AWAY, lambda: self._held(claim, end, traceparent))
        with steps.step("claim"):
            body = self._claim(claim, end, held)
        if body is None:
            assert held is not None
            self._adopt(claim, held, end)
            return _allocated(held)
        devices = claims.allocated(body, self._driver)
        if held is not None and self._still_valid(held, body):
            self._adopt(claim, held, end)
            return devices
        if held is not None:
            log.info("%s was allocated anew: its old plan is taken back", claim, extra={"claim": str(claim)})
            self._take_back(claim, end, traceparent)
        self._plan(claim, body, end, steps, traceparent)
        return devices

    def end(self) -> None:
        """Wait for nothing any more: the process ends."""
        self._patience.end()
        self._configuration.end()

    def unprepare(self, claim: ClaimRef, deadline: float, steps: Steps, traceparent: str) -> Detached:
        """Give the claim's devices back to the host: what nobody had brought back before, and what was lost."""
        end = deadline - MARGIN
        until = min(end, self._clock.monotonic() + PATIENCE)
        with steps.step("take back"):
            detached = self._patience.try_until(until, AWAY, lambda: self._take_back(claim, end, traceparent))
        self._configuration.release(claim, end)
        return detached

    def _take_back(self, claim: ClaimRef, end: float, traceparent: str) -> Detached:
        """Leases are given back first: as long as the claim holds its devices, nobody else speaks through them."""
        self._leases.release(claim, end)
        detached = self._dataplane.unprepare(claim.uid, _call(end, traceparent))
        self._plans.pop(claim.uid, None)
        self._inventories.release(claim.uid)
        return detached

    def _adopt(self, claim: ClaimRef, held: Plan, end: float) -> None:
        """What is held is this process's too: the one that prepared it may have been killed before it could note that."""
        self._plans[claim.uid] = held
        self._leases.settle(claim)
        names, until = tuple(each.device for each in held.devices), min(end, self._clock.monotonic() + PATIENCE)
        try:
            self._patience.try_until(until, AWAY, lambda: self._inventories.adopt(claim, names))
        except Failure as failure:
            if failure.code not in AWAY:
                raise
            log.warning("the devices of %s are not published while they are in its pod: %s", claim, failure)

    def _plan(self, claim: ClaimRef, body: Json, end: float, steps: Steps, traceparent: str) -> None:
        moved = self._configuration.moved(claim, body, end, steps)
        if not moved:
            return
        pod = claims.consumer(body, claim)
        until = min(end, self._clock.monotonic() + PATIENCE)
        self._patience.try_until(until, PASSING, lambda: self._plan_once(claim, pod, moved, end, steps, traceparent))

    def _plan_once(
        self,
        claim: ClaimRef,
        pod: PodRef,
        moved: tuple[Configured, ...],
        end: float,
        steps: Steps,
        traceparent: str,
    ) -> None:
        devices = tuple(self._configuration.device(each.allocated.device) for each in moved)
        with steps.step("inspect"):
            facts = self._dataplane.inspect(tuple(device.identity for device in devices), self._short(end, traceparent))
        names = (device.name for device in devices)
        known = dict(zip(names, facts, strict=True))
        wanted = all_sought(moved, devices, known)
        if wanted:
            with steps.step("lease"):
                moved = laid(moved, known, self._leases.obtain(claim, wanted, end))
        fitting = tuple(refitted(each, on_this_host(known[each.allocated.device])) for each in moved)
        made = plan(claim, pod, fitting, known, self._others(claim, pod), traceparent)
        with steps.step("prepare"):
            self._dataplane.prepare(made, _call(end, traceparent))
        self._leases.hold(claim)
        self._plans[claim.uid] = made
        self._inventories.hold(claim, devices)
        about = {"claim": f"{claim.namespace}/{claim.name}", "pod": str(pod), "trace": trace_id(traceparent)}
        for note in (*platform_notes(fitting), *left_behind(fitting, known)):
            log.warning("%s: %s", claim, note, extra=about)
        log.info("prepared %d device(s) for %s", len(devices), pod, extra=about)

    def _others(self, claim: ClaimRef, pod: PodRef) -> tuple[Plan, ...]:
        """The plans of the pod's other claims, as far as this process has seen them prepared."""
        return tuple(made for uid, made in list(self._plans.items()) if uid != claim.uid and made.pod.uid == pod.uid)

    def _claim(self, claim: ClaimRef, end: float, held: Plan | None) -> Json | None:
        """The claim, checked; None when the API server is away and what is held must do."""
        until = end if held is None else self._clock.monotonic()
        try:
            body = self._patience.try_until(until, AWAY, lambda: self._cluster.claim(claim.namespace, claim.name))
        except Failure as failure:
            if held is None or failure.code not in AWAY:
                raise
            log.warning("the API server is away, %s is answered from what is held", claim)
            return None
        claims.require_same(body, claim)
        if not claims.is_allocated(body):
            raise Failure(Code.INVALID, str(claim), "is not allocated", "the scheduler does that; see its events")
        return body

    def _still_valid(self, held: Plan, body: Json) -> bool:
        planned = {(each.request, each.pool, each.device, each.share_id) for each in held.devices}
        moved = (each for each in claims.allocated(body, self._driver) if not each.admin_access)
        wanted = {(each.request, each.pool, each.device, each.share_id) for each in moved}
        return planned == wanted and held.pod.uid in claims.consumer_uids(body)

    def _held(self, claim: ClaimRef, end: float, traceparent: str) -> Plan | None:
        return self._dataplane.prepared(claim.uid, self._short(end, traceparent))

    def _require_runtime(self, end: float, traceparent: str) -> None:
        state = self._runtime.state(self._short(end, traceparent))
        if not state.connected:
            raise Failure(
                Code.UNAVAILABLE,
                "container runtime",
                f"is not connected{': ' + state.detail if state.detail else ''}",
                "the kubelet tries again; see that NRI is enabled and the NRI frontend runs",
            )

    def _short(self, end: float, traceparent: str) -> Call:
        return _call(min(end, self._clock.monotonic() + ONE_CALL), traceparent)


def _call(deadline: float, traceparent: str) -> Call:
    return Call(key=uuid4().hex, deadline=deadline, traceparent=traceparent)


def _allocated(held: Plan) -> tuple[Allocated, ...]:
    return tuple(
        Allocated(request=each.request, pool=each.pool, device=each.device, share_id=each.share_id)
        for each in held.devices
    )
