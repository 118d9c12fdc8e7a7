"""Out of the host, into the pod, and home again."""

from __future__ import annotations

from dataplane import locate
from dataplane.restore import restore
from dataplane.steps.acts import do, undo
from dataplane.steps.site import Site
from ports.errors import Code, Failure
from ports.plan import Move, Release


def bring_home(site: Site) -> bool:
    """Restore the device if it came back to the host under a name of ours, as hardware does when its namespace dies."""
    stray = None if site.plan.rdma_only else locate.astray(site.plan, site.host)
    if stray is not None:
        restore(site.machine, stray.identity.ifindex, site.plan)
    return stray is not None


@do.register
def _release(_step: Release, site: Site) -> None:
    """Alternative names stay with the host: in the pod they could be taken, and the pod has names of its own."""
    link = site.departing()
    index = link.identity.ifindex
    site.machine.programs.hold(locate.temporary_name(site.plan), site.plan.before.programs)
    if link.up:
        site.host.set_up(index, False)
    for name in site.plan.before.alternative_names:
        site.host.remove_alternative_name(index, name)


@undo.register
def _undo_release(_step: Release, site: Site) -> None:
    link = locate.in_host(site.plan, site.host)
    if link is None:
        raise Failure(Code.NOT_FOUND, f"device {site.plan.device}", "is neither in the pod nor in the host")
    restore(site.machine, link.identity.ifindex, site.plan)


@do.register
def _move(step: Move, site: Site) -> None:
    link = site.departing()
    moved = site.host.move(link.identity.ifindex, site.namespace(), step.temporary_name)
    site.index = moved.identity.ifindex


@undo.register
def _undo_move(step: Move, site: Site) -> None:
    """A name that the pod gave it beside its own could be taken in the host, which would keep it in the pod for ever."""
    found = site.found()
    if found is None:
        return
    pod, link = found
    index = link.identity.ifindex
    for name in pod.facts(index).alternative_names:
        pod.remove_alternative_name(index, name)
    pod.move(index, site.host, step.temporary_name, site.plan.before.link.identity.ifindex)
