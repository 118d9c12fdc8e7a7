"""Addresses, routes, rules and neighbours in the pod. All but the rules go when the interface leaves the namespace."""

from __future__ import annotations

import logging

from dataplane.steps.acts import do, undo
from dataplane.steps.site import Site
from ports.errors import Failure
from ports.plan import AddAddress, AddNeighbour, AddRoute, AddRule, Announce, JoinVrf

log = logging.getLogger("knd.dataplane")


@do.register
def _join_vrf(step: JoinVrf, site: Site) -> None:
    pod, index = site.arrived()
    pod.join_vrf(index, step.name, step.table)


@undo.register
def _undo_join_vrf(_step: JoinVrf, site: Site) -> None:
    if (found := site.found()) and found[1].master is not None:
        found[0].leave_master(found[1].identity.ifindex)


@do.register
def _add_address(step: AddAddress, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_address(index, step.address)


@do.register
def _add_route(step: AddRoute, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_route(index, step.route)


@do.register
def _add_rule(step: AddRule, site: Site) -> None:
    site.namespace().add_rule(step.rule)


@undo.register
def _undo_add_rule(step: AddRule, site: Site) -> None:
    if site.pod is not None:
        site.pod.remove_rule(step.rule)


@do.register
def _add_neighbour(step: AddNeighbour, site: Site) -> None:
    pod, index = site.arrived()
    pod.add_neighbour(index, step.neighbour)


@do.register
def _announce(_step: Announce, site: Site) -> None:
    """Neighbours learn of it by themselves, a little later: no reason to refuse a pod its devices."""
    pod, index = site.arrived()
    try:
        pod.announce(index)
    except Failure as failure:
        log.warning("not announced: %s", failure)
