"""One pod's devices into its namespace and back, with the ledger telling at each moment what is under way.

Callers hold the pod's lock. The order is what makes a crash harmless: the intent is written before the first step, the
namespace is held before the first device enters it, the gate opens last and closes first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from dataplane.defects import as_failure
from dataplane.gates import Gates
from dataplane.lifting import Lifts
from dataplane.locate import temporary_name
from dataplane.namespaces import Namespaces
from dataplane.refresh import refreshed
from dataplane.steps import Site
from dataplane.transaction import TakenBack, Transaction
from dataplane.transitions import already, attached, detached, placed, without
from ports.clock import Clock
from ports.controls import Machine
from ports.dataplane import Sandbox
from ports.devices import Link
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.ledger import Ledger, Phase, PodRecord, about
from ports.plan import DevicePlan, Plan, SetUp
from ports.results import Attached, Detached

log = logging.getLogger("knd.dataplane")
LIFTED_SECONDS = 5.0  # to wait for a device that is just being set up for somebody else


class Attachments:
    """What is done to a pod as a whole. Every method answers with the record as it is afterwards."""

    def __init__(
        self, machine: Machine, ledger: Ledger, gates: Gates, clock: Clock, namespaces: Namespaces, lifts: Lifts
    ) -> None:
        self._machine = machine
        self._ledger = ledger
        self._gates = gates
        self._clock = clock
        self._namespaces = namespaces
        self._lifts = lifts

    def attach(self, record: PodRecord, sandbox: Sandbox, check_time: Callable[[], None]) -> Attached:
        """Carry out all plans of a prepared pod, or undo everything and raise. Nobody borrows its devices meanwhile."""
        indexes = [device.before.link.identity.ifindex for plan in record.plans for device in plan.devices]
        with self._lifts.barred(indexes, LIFTED_SECONDS):
            return self._attach(record, sandbox, check_time)

    def _attach(self, record: PodRecord, sandbox: Sandbox, check_time: Callable[[], None]) -> Attached:
        record = self._refreshed(record)
        pod = self._enter(record, sandbox)
        begun = placed(record, sandbox, pod)
        transaction = Transaction(self._clock)
        sites = self._sites(begun, pod)
        try:
            self._ledger.write(begun)
            transaction.carry_out(sites, check_time)
            done = attached(begun, sites, pod)
            self._ledger.write(done)
            self._gates.open(done)
        except Exception as error:
            failure = as_failure(error, str(record.pod), about(record))
            self._undo(begun, sites, failure)
            raise failure from error
        log.info("attached %s", ", ".join(each.interface for each in done.devices), extra=about(done))
        return replace(already(done), timings=tuple(transaction.timings), already=False)

    def detach(self, record: PodRecord) -> tuple[PodRecord, Detached]:
        """Take everything back, whatever the phase. What stays in the pod keeps its namespace open and the phase DETACHING."""
        pod = self._namespaces.of(record)
        self._gates.close(record.plans)
        leaving = replace(record, phase=Phase.DETACHING)
        self._note(leaving)
        taken = Transaction(self._clock).take_back(self._sites(leaving, pod))
        home = ", ".join(each.device for each in taken if not each.reason)
        if home:
            log.info("took back %s", home, extra=about(record))
        return self._settle(leaving, taken), detached(record, taken)

    def adopt(self, record: PodRecord) -> PodRecord | None:
        """A doubtful pod as attached, if the kernel has all of it in the pod and up; else None, and nothing is changed."""
        pod = self._namespaces.of(record)
        if pod is None:
            return None
        sites = self._sites(record, pod)
        for site in sites:
            link = site.in_pod()
            if link is None or (not link.up and any(isinstance(step, SetUp) for step in site.plan.steps)):
                return None
            site.index = 0 if site.plan.rdma_only else link.identity.ifindex
        try:
            done = attached(record, sites, pod)
        except Failure as failure:
            log.info("not attached after all: %s", failure, extra=about(record))
            return None
        self._ledger.write(done)
        return done

    def drop(self, record: PodRecord, plan: Plan) -> Detached:
        """Take one claim's devices back and forget the claim; the pod's other claims stay as they are.

        KERNEL: a device could not be taken out of the pod; nothing is forgotten, so that it can be tried again.
        """
        self._gates.close((plan,))
        taken: tuple[TakenBack, ...] = ()
        if record.phase is not Phase.PREPARED:
            if record.plans == (plan,):
                self._note(replace(record, phase=Phase.DETACHING))
            sites = self._sites(record, self._namespaces.of(record))
            taken = Transaction(self._clock).take_back(site for site in sites if site.plan in plan.devices)
            stuck = "; ".join(f"device {each.device}: {each.reason}" for each in taken if each.stuck)
            if stuck:
                raise Failure(Code.KERNEL, str(plan.claim), stuck, "it is tried again")
        self._forget(record, plan)
        return detached(record, taken)

    def missing(self, record: PodRecord) -> tuple[str, ...]:
        """The devices of an attached pod that are not in its namespace now; all of them when that is gone."""
        sites = self._sites(record, self._namespaces.of(record))
        return tuple(site.plan.device for site in sites if site.in_pod() is None)

    def present(self, record: PodRecord) -> tuple[tuple[DevicePlan, Link], ...]:
        """The devices that are in the pod's namespace now, each as the kernel shows it."""
        found = ((site.plan, site.in_pod()) for site in self._sites(record, self._namespaces.of(record)))
        return tuple((plan, link) for plan, link in found if link is not None)

    def _refreshed(self, record: PodRecord) -> PodRecord:
        """Nothing has been touched yet: a device that must not leave after all is only told of."""
        try:
            return refreshed(record, self._sites(record, None))
        except Failure as failure:
            self._note(replace(record, reason=str(failure)))
            raise

    def _enter(self, record: PodRecord, sandbox: Sandbox) -> Namespace:
        if sandbox.netns is None:
            hint = "a pod with hostNetwork cannot have devices"
            raise Failure(Code.REFUSED, str(record.pod), "has no network namespace of its own", hint)
        return self._namespaces.enter(sandbox.id, sandbox.netns, record.pod.uid)

    def _sites(self, record: PodRecord, pod: Namespace | None) -> tuple[Site, ...]:
        planned = tuple(device for plan in record.plans for device in plan.devices)
        known = len(record.indexes) == len(planned)
        indexes: tuple[int | None, ...] = record.indexes if known else (None,) * len(planned)
        return tuple(
            Site(plan=plan, machine=self._machine, pod=pod, index=index)
            for plan, index in zip(planned, indexes, strict=True)
        )

    def _undo(self, begun: PodRecord, sites: tuple[Site, ...], failure: Failure) -> None:
        self._gates.close(begun.plans)
        taken = Transaction(self._clock).take_back(sites)
        self._settle(replace(begun, phase=Phase.DETACHING), taken, str(failure))
        log.warning("attach failed: %s", failure, extra=about(begun))

    def _settle(self, record: PodRecord, taken: tuple[TakenBack, ...], why: str = "") -> PodRecord:
        reasons = tuple(f"device {each.device}: {each.reason}" for each in taken if each.reason)
        for reason in reasons:
            log.error("not restored: %s", reason, extra=about(record))
        reason = "; ".join(filter(None, (why, *reasons)))
        if any(each.stuck for each in taken):
            settled = replace(record, reason=reason)
        else:
            settled = PodRecord(pod=record.pod, plans=record.plans, reason=reason)
        self._note(settled)
        if settled.phase is Phase.PREPARED:
            self._namespaces.leave(record.sandbox)
        return settled

    def _note(self, record: PodRecord) -> None:
        """Write what can be found out again from the kernel: a full disk must not keep a device in a dead pod."""
        try:
            self._ledger.write(record)
        except Failure as failure:
            log.error("cannot write the ledger: %s", failure, extra=about(record))

    def _forget(self, record: PodRecord, plan: Plan) -> None:
        for device in plan.devices:  # of one that did not come back as it was, programs are held still
            self._machine.programs.release(temporary_name(device))
        rest = without(record, plan)
        if rest.plans:
            self._ledger.write(rest)
            return
        self._ledger.remove(record.pod.uid)
        self._namespaces.leave(record.sandbox)
