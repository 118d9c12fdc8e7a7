"""Each step of a plan as two acts on the kernel: its do, and the undo that leaves the host as it was.

The device is looked up by identity before it is moved either way. Undoing a step that was never done does no harm, so
that a transaction can undo all steps without knowing how far it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from dataplane import locate
from dataplane.restore import restore
from ports.devices import Link
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.plan import AddAddress, AddRoute, DevicePlan, Move, Release, Rename, SetMac, SetMtu, SetUp, Step


@dataclass(kw_only=True, slots=True)
class Site:
    """Where the steps of one device take place. ``pod`` is None when its namespace is gone; ``index`` is the one in it."""

    plan: DevicePlan
    host: Namespace
    pod: Namespace | None
    index: int | None = None

    def namespace(self) -> Namespace:
        """The pod's namespace, for what cannot be done without it."""
        if self.pod is None:
            raise Failure(Code.NOT_FOUND, f"device {self.plan.device}", "the pod's network namespace is gone")
        return self.pod

    def arrived(self) -> tuple[Namespace, int]:
        """The pod's namespace and the device's index there, once it was moved."""
        if self.index is None:
            raise Failure(Code.INTERNAL, f"device {self.plan.device}", "is to be changed before it was moved")
        return self.namespace(), self.index

    def in_pod(self) -> Link | None:
        """The device if it is in the pod."""
        return None if self.pod is None else locate.in_pod(self.plan, self.pod, self.index)

    def departing(self) -> Link:
        """The device in the host as the plan knew it. NOT_FOUND, CONFLICT or REFUSED when it is not that any more."""
        before, subject = self.plan.before.link, f"device {self.plan.device}"
        link = locate.at_home(self.plan, self.host)
        if link is None:
            raise Failure(
                Code.NOT_FOUND, subject, f"interface {before.name} ({before.identity}) is not in the host now"
            )
        if link.name != before.name:
            raise Failure(Code.CONFLICT, subject, f"is called {link.name} now, planned as {before.name}")
        if link.master is not None:
            raise Failure(Code.REFUSED, subject, f"has become a port of interface #{link.master}")
        return link


def bring_home(site: Site) -> bool:
    """Restore the device if it came back to the host under a name of ours, as hardware does when its namespace dies."""
    stray = locate.astray(site.plan, site.host)
    if stray is not None:
        restore(site.host, stray.identity.ifindex, site.plan.before)
    return stray is not None


@singledispatch
def do(step: Step, _site: Site) -> None:
    """Carry the step out."""
    raise TypeError(f"no such step: {step!r}")


@do.register
def _release(_step: Release, site: Site) -> None:
    try:
        link = site.departing()
    except Failure:
        if not bring_home(site):
            raise
        link = site.departing()
    if link.up:
        site.host.set_up(link.identity.ifindex, False)


@do.register
def _move(step: Move, site: Site) -> None:
    link = site.departing()
    moved = site.host.move(link.identity.ifindex, site.namespace(), step.temporary_name)
    site.index = moved.identity.ifindex


@do.register
def _rename(step: Rename, site: Site) -> None:
    pod, index = site.arrived()
    pod.rename(index, step.name)


@do.register
def _set_mtu(step: SetMtu, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_mtu(index, step.mtu)


@do.register
def _set_mac(step: SetMac, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_mac(index, step.mac)


@do.register
def _add_address(step: AddAddress, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_address(index, step.address)


@do.register
def _set_up(_step: SetUp, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_up(index, True)


@do.register
def _add_route(step: AddRoute, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_route(index, step.route)


@singledispatch
def undo(_step: Step, _site: Site) -> None:
    """Take the step back. Most need nothing: a move between namespaces drops addresses and routes."""


@undo.register
def _undo_release(_step: Release, site: Site) -> None:
    link = locate.in_host(site.plan, site.host)
    if link is None:
        raise Failure(Code.NOT_FOUND, f"device {site.plan.device}", "is neither in the pod nor in the host")
    restore(site.host, link.identity.ifindex, site.plan.before)


@undo.register
def _undo_move(step: Move, site: Site) -> None:
    link = site.in_pod()
    if link is not None:
        site.namespace().move(link.identity.ifindex, site.host, step.temporary_name)


@undo.register
def _undo_set_up(_step: SetUp, site: Site) -> None:
    link = site.in_pod()
    if link is not None and link.up:
        site.namespace().set_up(link.identity.ifindex, False)


@undo.register
def _undo_set_mac(step: SetMac, site: Site) -> None:
    link = site.in_pod()
    if link is not None and link.mac != step.before:
        site.namespace().set_mac(link.identity.ifindex, step.before)


@undo.register
def _undo_set_mtu(step: SetMtu, site: Site) -> None:
    link = site.in_pod()
    if link is not None and link.mtu != step.before:
        site.namespace().set_mtu(link.identity.ifindex, step.before)
