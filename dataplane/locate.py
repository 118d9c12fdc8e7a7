"""Where a planned device is now: by identity and never by name alone, because whoever holds a namespace can rename.

Hardware has a PCI or a permanent address that nobody can give to another interface: it is recognised anywhere. A virtual
interface has only its kind, so its index or a name that we gave it must fit as well. The first look is one request; a
dump of all links comes last and only for hardware, so it never happens on the way of a pod that starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ports.devices import Identity, Link
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.plan import DevicePlan, Move

Look = Callable[[], Link | None]


def temporary_name(plan: DevicePlan) -> str:
    """The name under which the device travels; empty for one without an interface."""
    return next((step.temporary_name for step in plan.steps if isinstance(step, Move)), "")


def is_hardware(identity: Identity) -> bool:
    """Whether the identity alone tells this device from all others."""
    return (identity.pci_address, identity.permanent_address, identity.rdma) != (None, None, None)


def in_pod(plan: DevicePlan, pod: Namespace, index: int | None) -> Link | None:
    """The device in the pod; ``index`` is the one it got there, where that is known."""
    wanted = plan.before.link.identity
    if index is not None:
        found = _same(wanted, _at(pod, index))
        return found or (_anywhere(wanted, pod) if is_hardware(wanted) else None)
    names = {temporary_name(plan), plan.pod_name}
    return _first(
        lambda: _named(_same(wanted, _at(pod, wanted.ifindex)), names),
        lambda: _same(wanted, pod.find(temporary_name(plan))),
        lambda: _same(wanted, pod.find(plan.pod_name)),
        lambda: _anywhere(wanted, pod),
    )


def at_home(plan: DevicePlan, host: Namespace) -> Link | None:
    """The device in the host where the plan knew it; by its name only where a move has cost it its index."""
    before = plan.before.link
    return _first(
        lambda: _same(before.identity, _at(host, before.identity.ifindex)),
        lambda: _same(before.identity, host.find(before.name)),
    )


def in_host(plan: DevicePlan, host: Namespace) -> Link | None:
    """The device in the host, also under a name that the kernel gave it when its namespace died."""
    before = plan.before.link
    wanted = before.identity
    return _first(
        lambda: _same(wanted, host.find(temporary_name(plan))),
        lambda: _untouched(before, _at(host, wanted.ifindex)),
        lambda: _untouched(before, host.find(before.name)),
        lambda: _anywhere(wanted, host),
    )


def astray(plan: DevicePlan, host: Namespace) -> Link | None:
    """The device where it is in the host under a name that only an attachment can have given it; two requests at most."""
    wanted = plan.before.link.identity
    link = _same(wanted, host.find(temporary_name(plan)))
    if link is None and is_hardware(wanted) and plan.pod_name != plan.before.link.name:
        return _same(wanted, host.find(plan.pod_name))
    return link


def _first(*looks: Look) -> Link | None:
    found: Iterator[Link | None] = (look() for look in looks)
    return next((link for link in found if link is not None), None)


def _at(namespace: Namespace, index: int) -> Link | None:
    try:
        return namespace.link(index)
    except Failure as failure:
        if failure.code is Code.NOT_FOUND:
            return None
        raise


def _same(wanted: Identity, link: Link | None) -> Link | None:
    return link if link is not None and link.identity.same_device(wanted) else None


def _named(link: Link | None, names: set[str]) -> Link | None:
    return link if link is not None and (is_hardware(link.identity) or link.name in names) else None


def _untouched(before: Link, link: Link | None) -> Link | None:
    found = _same(before.identity, link)
    if found is None or is_hardware(found.identity):
        return found
    fits = (found.identity.ifindex == before.identity.ifindex, found.name == before.name, found.mac == before.mac)
    return found if sum(fits) > 1 else None


def _anywhere(wanted: Identity, namespace: Namespace) -> Link | None:
    if not is_hardware(wanted):
        return None
    return next((link for link in namespace.links() if link.identity.same_device(wanted)), None)
