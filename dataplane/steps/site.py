"""Where the steps of one device take place: the host, the pod, and the device as it is found in either."""

from __future__ import annotations

from dataclasses import dataclass

from dataplane import locate
from ports.controls import Machine
from ports.devices import Link, RdmaLink
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.plan import DevicePlan, MoveRdma


@dataclass(kw_only=True, slots=True)
class Site:
    """``pod`` is None when the pod's namespace is gone; ``index`` is the device's one in it, once it is known."""

    plan: DevicePlan
    machine: Machine
    pod: Namespace | None
    index: int | None = None

    @property
    def host(self) -> Namespace:
        """The host's namespace."""
        return self.machine.kernel.host

    def namespace(self) -> Namespace:
        """The pod's namespace, for what cannot be done without it."""
        if self.pod is None:
            raise Failure(Code.NOT_FOUND, f"device {self.plan.device}", "the pod's network namespace is gone")
        return self.pod

    def arrived(self) -> tuple[Namespace, int]:
        """The pod's namespace and the device's index there, once it was moved."""
        if self.plan.rdma_only:
            return self.namespace(), 0
        if self.index is None:
            raise Failure(Code.INTERNAL, f"device {self.plan.device}", "is to be changed before it was moved")
        return self.namespace(), self.index

    def in_pod(self) -> Link | None:
        """The device if it is in the pod; one that is only RDMA in the place of an interface without a name."""
        if self.pod is None:
            return None
        if self.plan.rdma_only:
            return self.plan.before.link if self._has_rdma() else None
        return locate.in_pod(self.plan, self.pod, self.index)

    def rdma_in_pod(self) -> tuple[RdmaLink, ...]:
        """The RDMA devices of the plan that were moved and are in the pod, under whatever name they have there."""
        if self.pod is None:
            return ()
        moved = (step.rdma.index for step in self.plan.steps if isinstance(step, MoveRdma))
        found = (self.machine.rdma.at(self.pod, index) for index in moved)
        return tuple(rdma for rdma in found if rdma is not None)

    def found(self) -> tuple[Namespace, Link] | None:
        """The pod's namespace and the device in it, if it is there; for undoing."""
        link = self.in_pod()
        return None if link is None else (self.namespace(), link)

    def departing(self) -> Link:
        """The device in the host as the plan knew it. NOT_FOUND, CONFLICT or REFUSED when it is not that any more."""
        before, subject = self.plan.before.link, f"device {self.plan.device}"
        link = locate.at_home(self.plan, self.host)
        if link is None:
            detail = f"interface {before.name} ({before.identity}) is not in the host now"
            raise Failure(Code.NOT_FOUND, subject, detail)
        if link.name != before.name:
            raise Failure(Code.CONFLICT, subject, f"is called {link.name} now, planned as {before.name}")
        if link.master is not None:
            raise Failure(Code.REFUSED, subject, f"has become a port of interface #{link.master}")
        return link

    def _has_rdma(self) -> bool:
        """In shared mode the device is everybody's, wherever it is."""
        if any(isinstance(step, MoveRdma) for step in self.plan.steps):
            return bool(self.rdma_in_pod())
        return all(self.machine.rdma.at(self.host, rdma.index) is not None for rdma in self.plan.before.rdma)
