"""What the runtime tells of pod sandboxes, and what we do about it.

A pod that is not ours costs one look for a file that is not there. An attach that fails never fails the sandbox: it is
tried again by a reconcile and by the gate at CreateContainer, which refuses the container while it fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from agent.services import gate
from agent.services.attaching import Attacher
from agent.services.live import Live
from agent.services.rdma import RdmaFiles
from agent.services.reconciling import Reconciler
from agent.services.tally import FAILED, NOOP
from ports.errors import Failure
from ports.frontends import Refusal
from ports.inbound import Adjustment, Container, PodSandbox
from ports.ledger import LedgerReader, PodRecord, about
from ports.results import Attached

log = logging.getLogger("knd.sandboxes")


@dataclass(frozen=True, kw_only=True)
class Sandboxes:
    """``RuntimeHooks`` over the ledger and the dataplane. ``refused`` must not block; ``says`` hears how it went."""

    ledger: LedgerReader
    attacher: Attacher
    live: Live
    reconciler: Reconciler
    rdma: RdmaFiles
    refused: Callable[[Refusal], None]
    says: Callable[[str], None]

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """Attach what is prepared for the pod. A failure is told and left to the gate."""
        self.live.add(sandbox)
        try:
            record = self.ledger.read(sandbox.pod.uid)
        except Failure as failure:
            log.error(
                "not attached, no container of it will be let through: %s", failure, extra={"pod": str(sandbox.pod)}
            )
            self._unreadable(sandbox, gate.untrusted(sandbox, failure))
            return
        if record is None:
            self.says(NOOP)
            return
        try:
            self._attach(sandbox, record, deadline)
        except Failure:
            self.says(FAILED)
            log.warning("its containers have to wait until it is attached", extra=about(record))
            self.reconciler.request()

    def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
        """Let the container through if everything of its pod is in place, or can be put there now."""
        record = self._entitled(sandbox, container)
        if record is not None and gate.attached(record, sandbox.id):
            self.attacher.succeeded(record, _standing(record))  # an answer that was lost told nobody
        elif record is not None:
            self._attach_or_refuse(sandbox, record, deadline)
            record = self._trusted(sandbox)
        if record is None:
            self.says(NOOP)
        adjustment = Adjustment() if record is None else self.rdma.adjustment(record, container)
        self.live.started(sandbox)
        return adjustment

    def stop_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """Bring the sandbox's devices back. What fails is made up for by a reconcile."""
        self.live.ended(sandbox.id)
        record, readable = self._readable(sandbox)
        if record is None and readable:
            self.says(NOOP)
            return
        known = about(record) if record else {"pod": str(sandbox.pod)}
        try:
            detached = self.attacher.detach(sandbox, record, deadline)
        except Failure as failure:
            self.says(FAILED)
            log.error("not detached yet: %s", failure, extra=known)
            self.reconciler.request()
            return
        if detached.devices:
            log.info("brought back %s", ", ".join(detached.devices), extra=known)
        for lost in detached.lost:
            log.error("lost %s", lost, extra=known)

    def remove_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """The same: a stop may have been missed."""
        self.stop_pod_sandbox(sandbox, deadline)

    def synchronize(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...]) -> None:
        """Note the runtime's list; the comparison with the dataplane is made by the reconciler's own thread."""
        self.live.replace(sandboxes, containers)
        self.attacher.tell_again()
        self.reconciler.request()

    def _attach(self, sandbox: PodSandbox, record: PodRecord, deadline: float) -> None:
        try:
            gate.check_network(record, sandbox)
        except Failure as failure:
            self.attacher.failed(record, sandbox.id, failure)
            raise
        self.attacher.attach(sandbox, record, deadline)

    def _attach_or_refuse(self, sandbox: PodSandbox, record: PodRecord, deadline: float) -> None:
        gate.check_network(record, sandbox)
        try:
            self.attacher.attach(sandbox, record, deadline)
        except Failure as failure:
            raise gate.unattached(record, failure) from failure

    def _entitled(self, sandbox: PodSandbox, container: Container) -> PodRecord | None:
        """The pod's record; a container that has no business with us as it comes is refused, and people are told."""
        try:
            record = self._trusted(sandbox)
            gate.check_markers(record, sandbox, container)
        except Failure as failure:
            self.refused(Refusal(pod=sandbox.pod, reason=str(failure)))
            raise
        return record

    def _trusted(self, sandbox: PodSandbox) -> PodRecord | None:
        try:
            return self.ledger.read(sandbox.pod.uid)
        except Failure as failure:
            self.reconciler.request()
            raise gate.untrusted(sandbox, failure) from failure

    def _unreadable(self, sandbox: PodSandbox, failure: Failure) -> None:
        """The dataplane makes the record anew if it can, else the DRA frontend does: both learn of it."""
        self.says(FAILED)
        self.reconciler.request()
        self.refused(Refusal(pod=sandbox.pod, reason=str(failure)))

    def _readable(self, sandbox: PodSandbox) -> tuple[PodRecord | None, bool]:
        try:
            return self.ledger.read(sandbox.pod.uid), True
        except Failure as failure:
            log.error("its record is unreadable: %s", failure, extra={"pod": str(sandbox.pod)})
            return None, False


def _standing(record: PodRecord) -> Attached:
    return Attached(pod=record.pod, sandbox=record.sandbox or "", devices=record.devices, already=True)
