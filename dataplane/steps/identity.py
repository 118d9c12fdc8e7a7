"""What the interface is in the pod: its names, its hardware address, its sizes, whether it is up.

Where the undo of these is refused, the restore in the host does the same; done in the pod, it is also done when the pod
dies before the way home.
"""

from __future__ import annotations

from dataplane.steps.acts import do, undo
from dataplane.steps.site import Site
from ports.plan import AddAlternativeName, Rename, SetMac, SetMtu, SetUp, Tune


@do.register
def _set_mtu(step: SetMtu, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_mtu(index, step.mtu)


@undo.register
def _undo_set_mtu(step: SetMtu, site: Site) -> None:
    if (found := site.found()) and found[1].mtu != step.before:
        found[0].set_mtu(found[1].identity.ifindex, step.before)


@do.register
def _set_mac(step: SetMac, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_mac(index, step.mac)


@undo.register
def _undo_set_mac(step: SetMac, site: Site) -> None:
    if (found := site.found()) and found[1].mac != step.before:
        found[0].set_mac(found[1].identity.ifindex, step.before)


@do.register
def _tune(step: Tune, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_tuning(index, step.tuning)


@undo.register
def _undo_tune(step: Tune, site: Site) -> None:
    if found := site.found():
        found[0].set_tuning(found[1].identity.ifindex, step.before)


@do.register
def _rename(step: Rename, site: Site) -> None:
    pod, index = site.arrived()
    pod.rename(index, step.name)


@do.register
def _add_alternative_name(step: AddAlternativeName, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_alternative_name(index, step.name)


@undo.register
def _undo_add_alternative_name(step: AddAlternativeName, site: Site) -> None:
    if found := site.found():
        found[0].remove_alternative_name(found[1].identity.ifindex, step.name)


@do.register
def _set_up(_step: SetUp, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_up(index, True)


@undo.register
def _undo_set_up(_step: SetUp, site: Site) -> None:
    if (found := site.found()) and found[1].up:
        found[0].set_up(found[1].identity.ifindex, False)
