"""One look at one device in a pod; reads only."""

from __future__ import annotations

from dataplane.steps import Site
from ports.vitals import Vitals, carrier, idle


def pulse(site: Site) -> Vitals | None:
    """How the device is; None when it is not in the pod."""
    link = site.in_pod()
    if link is None:
        return None
    address = site.plan.before.link.identity.pci_address
    errors = site.machine.errors.of(address) if address else ()
    ports = _idle_ports(site)
    if site.plan.rdma_only:
        return Vitals(idle_ports=ports, errors=errors)
    return Vitals(
        up=link.up, carrier=carrier(link.operstate), losses=link.carrier_losses, idle_ports=ports, errors=errors
    )


def _idle_ports(site: Site) -> tuple[str, ...]:
    """Those of RDMA devices none of whose ports is active: which of several ports is the interface's is not asked."""
    found: list[str] = []
    for rdma in site.plan.before.rdma:
        ports = site.machine.rdma.ports(site.namespace(), rdma)
        texts = [idle(rdma.name, number, state) for number, state in ports]
        if texts and all(texts):
            found += texts[0]
    return tuple(found)
