"""Offloads, sysctls, eBPF programs and RDMA devices in the pod."""

from __future__ import annotations

from dataplane.steps.acts import do, undo
from dataplane.steps.site import Site
from ports.errors import Code, Failure
from ports.plan import MoveRdma, RemovePrograms, SetOffloads, SetSysctl


@do.register
def _set_sysctl(step: SetSysctl, site: Site) -> None:
    pod, index = site.arrived()
    pod.set_sysctl(index, step.sysctl)


@do.register
def _set_offloads(step: SetOffloads, site: Site) -> None:
    site.machine.offloads.write(*site.arrived(), step.offloads)


@undo.register
def _undo_set_offloads(step: SetOffloads, site: Site) -> None:
    if found := site.found():
        site.machine.offloads.write(found[0], found[1].identity.ifindex, step.before)


@do.register
def _remove_programs(_step: RemovePrograms, site: Site) -> None:
    site.machine.programs.detach(*site.arrived())


@do.register
def _move_rdma(step: MoveRdma, site: Site) -> None:
    site.machine.rdma.move(step.rdma, site.host, site.namespace())


@undo.register
def _undo_move_rdma(step: MoveRdma, site: Site) -> None:
    """It is found by its index, which no pod can change, and comes home under the name that it had."""
    rdma, control = step.rdma, site.machine.rdma
    if site.pod is not None and control.at(site.pod, rdma.index) is not None:
        control.move(rdma, site.pod, site.host)
    home = control.at(site.host, rdma.index) or control.find(site.host, rdma.name)  # its driver was started again
    if home is None:
        raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "is neither in the pod nor in the host")
    if home.name != rdma.name:
        control.rename(rdma, site.host)
