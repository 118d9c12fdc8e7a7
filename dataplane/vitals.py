"""How devices in pods are: looked at when the kernel says that something changed there, and told to the DRA frontend.

Nobody else can look into a pod's namespace. This happens in a thread of its own, reads only, and never on the way of a pod
that starts: attach and detach only leave a mark here. A pod that holds its link in a storm of events costs half a
processor at most, because after each look there is a rest as long as the look.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from dataplane.namespaces import Namespaces
from dataplane.pulse import pulse
from dataplane.steps import Site
from ports.clock import Clock
from ports.controls import Machine
from ports.errors import Failure
from ports.heldfeed import EVERY, HeldDevice, HeldEvents, HeldSink, HeldState
from ports.kernel import Namespace
from ports.ledger import LedgerReader, Phase, PodRecord

log = logging.getLogger("knd.vitals")
GATHER = 0.05  # seconds; events of one cause follow each other within a few milliseconds
SOON = 0.25  # seconds until a pod that is under way is looked at again
PATIENCE = 30.0  # seconds for which that is done; what takes longer is looked at with everything else
SILENT = 1.0  # seconds between looks at what no event tells of: the ports of an RDMA device without an interface
AUDIT = 10.0  # seconds between two looks at everything; also the sign of life


class HeldVitals:
    """``run`` it in a thread until ``stop``."""

    def __init__(
        self,
        machine: Machine,
        ledger: LedgerReader,
        namespaces: Namespaces,
        events: HeldEvents,
        sink: HeldSink,
        clock: Clock,
    ) -> None:
        self._machine = machine
        self._ledger = ledger
        self._namespaces = namespaces
        self._events = events
        self._sink = sink
        self._clock = clock
        self._found: dict[str, tuple[HeldDevice, ...]] = {}
        self._under_way: dict[str, float] = {}
        self._silent: set[str] = set()
        self._told: tuple[HeldDevice, ...] | None = None
        self._beat = 0
        self._audit_at = 0.0
        self._ended = False

    def run(self) -> None:
        """Look and tell until stopped."""
        touched = frozenset({EVERY})
        while not self._ended:
            began = self._clock.monotonic()
            self._tried(touched)
            self._clock.sleep(self._clock.monotonic() - began)
            touched = self._events.wait(self._pause())
            if touched:
                self._clock.sleep(GATHER)
                touched |= self._events.wait(0)
            touched |= self._due()

    def _tried(self, touched: frozenset[str]) -> None:
        """A defect costs one look and not all later ones."""
        try:
            self.look(touched)
        except Exception:
            log.exception("devices in pods could not be looked at")
            self._audit_at = self._clock.monotonic() + AUDIT

    def stop(self) -> None:
        """End ``run``."""
        self._ended = True
        self._events.touch(EVERY)

    def look(self, touched: frozenset[str]) -> None:
        """Look at these sandboxes again, and tell if anything is new or it is time for a sign of life."""
        pods = self._namespaces.pods()
        audit = self._clock.monotonic() >= self._audit_at
        everything = audit or EVERY in touched
        for sandbox in {*self._found, *self._under_way} - pods.keys():
            self._forget(sandbox)
        for sandbox in pods if everything else touched & pods.keys():
            self._look_at(sandbox, pods[sandbox])
        self._tell(audit)

    def _tell(self, audit: bool) -> None:
        devices = tuple(device for _, found in sorted(self._found.items()) for device in found)
        if audit:
            self._audit_at = self._clock.monotonic() + AUDIT
        if audit or devices != self._told:
            self._told = devices
            self._beat += 1
            self._sink.publish(HeldState(beat=self._beat, devices=devices))

    def _look_at(self, sandbox: str, pod_uid: str) -> None:
        try:
            self._take(sandbox, self._ledger.read(pod_uid))
        except Failure as failure:
            if sandbox not in self._under_way:
                log.info("cannot look at pod %s now: %s", pod_uid, failure)
            self._delayed(sandbox, self._found.get(sandbox, ()))

    def _take(self, sandbox: str, record: PodRecord | None) -> None:
        """What is so of one pod, and what has to be done for it to be seen again."""
        pod = self._namespaces.at(sandbox)
        if record is None or record.sandbox != sandbox or pod is None:
            self._forget(sandbox)
        elif record.phase is not Phase.ATTACHED:
            self._delayed(sandbox, _planned(record))
        else:
            self._listen(sandbox, pod)
            found = tuple(self._devices(record, pod))
            self._forget(sandbox)
            self._found[sandbox] = found
            if any(device.rdma_only for plan in record.plans for device in plan.devices):
                self._silent.add(sandbox)

    def _listen(self, sandbox: str, pod: Namespace) -> None:
        """Without events it is looked at in its turn."""
        try:
            self._events.listen(sandbox, pod)
        except Failure as failure:
            log.warning("changes are seen %g s late at most: %s", AUDIT, failure)

    def _delayed(self, sandbox: str, devices: tuple[HeldDevice, ...]) -> None:
        """Nothing can be said of these now; it is tried again soon."""
        self._under_way.setdefault(sandbox, self._clock.monotonic())
        self._found[sandbox] = tuple(replace(device, vitals=None, under_way=True) for device in devices)

    def _devices(self, record: PodRecord, pod: Namespace) -> Iterator[HeldDevice]:
        indexes = iter(record.indexes)
        for plan in record.plans:
            for device in plan.devices:
                site = Site(plan=device, machine=self._machine, pod=pod, index=next(indexes, None))
                yield HeldDevice(device=device.device, claim=plan.claim, pod=record.pod, vitals=pulse(site))

    def _forget(self, sandbox: str) -> None:
        self._found.pop(sandbox, None)
        self._under_way.pop(sandbox, None)
        self._silent.discard(sandbox)

    def _pause(self) -> float:
        longest = SOON if self._restless() else SILENT if self._silent else AUDIT
        return max(0.0, min(longest, self._audit_at - self._clock.monotonic()))

    def _due(self) -> frozenset[str]:
        return self._restless() | self._silent

    def _restless(self) -> frozenset[str]:
        """Pods that have not been under way for long."""
        now = self._clock.monotonic()
        return frozenset(sandbox for sandbox, since in self._under_way.items() if now < since + PATIENCE)


def _planned(record: PodRecord) -> tuple[HeldDevice, ...]:
    return tuple(
        HeldDevice(device=device.device, claim=plan.claim, pod=record.pod, vitals=None)
        for plan in record.plans
        for device in plan.devices
    )
