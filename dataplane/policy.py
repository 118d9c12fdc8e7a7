"""What may be done to this host, whoever asks: plans come from an unprivileged process that may have been taken over.

Everything that could harm the node is refused here: its uplinks, its loopback, ports of a bridge or bond, devices of
another claim, a plan that was made from a state the host is no longer in, and steps in any other shape than the one
that planning makes.
"""

from __future__ import annotations

from collections.abc import Iterable

from dataplane.differences import changed
from dataplane.locate import is_hardware, temporary_name
from ports.devices import Identity, Link, LinkFacts
from ports.errors import Code, Failure
from ports.ledger import PodRecord
from ports.plan import DevicePlan, Plan

PLAN_AGAIN = "read the device again and make a new plan"
NEW_POD = "delete the pod, so that its claims are prepared again"
EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def check_movable(plan: DevicePlan, now: LinkFacts, needed: str, denied: bool) -> None:
    """REFUSED for a link that must stay, for the reason given or one of its own; CONFLICT: the host is not as planned for."""
    subject = f"device {plan.device}"
    check_denied(subject, denied)
    if not plan.rdma_only:
        check_link(subject, now.link, needed)
    differences = changed(plan.before, now)
    if differences:
        raise Failure(Code.CONFLICT, subject, f"changed since it was read: {', '.join(differences)}", PLAN_AGAIN)


def check_departing(plan: DevicePlan, now: LinkFacts, needed: str, denied: bool) -> None:
    """What must not have changed from prepare to attach; the rest may, and is what the host gets back."""
    before, subject = plan.before, f"device {plan.device}"
    check_denied(subject, denied)
    if now.link.name != before.link.name:
        raise Failure(Code.CONFLICT, subject, f"is called {now.link.name} now, planned as {before.link.name}", NEW_POD)
    if now.rdma_exclusive != before.rdma_exclusive or now.rdma != before.rdma:
        raise Failure(Code.CONFLICT, subject, "its RDMA devices or the RDMA mode of the host changed", NEW_POD)
    if not plan.rdma_only:
        check_link(subject, now.link, needed)


def has_default(now: LinkFacts) -> bool:
    """Whether a default route of any table leads through the link."""
    return any(route.destination in EVERYWHERE for route in now.routes)


def check_denied(subject: str, denied: bool) -> None:
    """REFUSED for a device that the administrator never lets go."""
    if denied:
        detail = "the node's configuration denies it"
        raise Failure(Code.REFUSED, subject, detail, "choose another, or take it off the list deny of the node")


def check_link(subject: str, link: Link, needed: str) -> None:
    """REFUSED for a link that the node (for that reason) or another interface needs."""
    if link.loopback or link.name == "lo":
        raise Failure(Code.REFUSED, subject, "is the loopback")
    if needed:
        raise Failure(Code.REFUSED, subject, f"the node itself depends on interface {link.name}: it {needed}")
    if link.master is not None:
        raise Failure(Code.REFUSED, subject, f"interface {link.name} is a port of interface #{link.master}")


def check_free(plan: Plan, records: Iterable[PodRecord]) -> None:
    """CONFLICT when another claim has one of the devices or names, or another pod has the claim."""
    for record in records:
        for other in record.plans:
            if other.claim.uid != plan.claim.uid:
                _check_apart(plan, other)
            elif record.pod.uid != plan.pod.uid:
                raise Failure(Code.CONFLICT, str(plan.claim), f"is prepared for {record.pod} already")


def check_unheld(claim_uid: str, subject: str, device: Identity, records: Iterable[PodRecord]) -> None:
    """CONFLICT when another claim has the device."""
    for plan in (plan for record in records for plan in record.plans if plan.claim.uid != claim_uid):
        if any(_is_same(device, each.before.link.identity) for each in plan.devices):
            raise Failure(Code.CONFLICT, subject, f"is held by {plan.claim}")


def _check_apart(plan: Plan, other: Plan) -> None:
    for mine in plan.devices:
        for theirs in other.devices:
            if _is_same(mine.before.link.identity, theirs.before.link.identity):
                raise Failure(Code.CONFLICT, f"device {mine.device}", f"is held by {other.claim}")
            for rdma in set(mine.before.rdma) & set(theirs.before.rdma):
                detail = f"its RDMA device {rdma.name} is held by {other.claim}"
                raise Failure(Code.CONFLICT, f"device {mine.device}", detail)
            if (temporary := temporary_name(mine)) and temporary == temporary_name(theirs):
                raise Failure(Code.CONFLICT, f"device {mine.device}", f"its temporary name is used by {other.claim}")
            if plan.pod.uid == other.pod.uid and mine.pod_name and mine.pod_name == theirs.pod_name:
                detail = f"{other.claim} of the same pod names an interface {mine.pod_name} too"
                raise Failure(Code.CONFLICT, f"device {mine.device}", detail, "give one of them another name")


def _is_same(one: Identity, other: Identity) -> bool:
    return one.same_device(other) and (is_hardware(one) or one.ifindex == other.ifindex)
