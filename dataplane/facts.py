"""All that the host knows of a device, gathered from every control: what a plan is made from and returns to."""

from __future__ import annotations

from dataclasses import replace

from ports.controls import Machine
from ports.devices import Identity, LinkFacts, rdma_only
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.sysctls import KEPT

HINT = "list the devices again"


def facts_of(machine: Machine, namespace: Namespace, index: int) -> LinkFacts:
    """Everything about one interface, as it is now."""
    facts = namespace.facts(index)
    return replace(
        facts,
        offloads=machine.offloads.read(namespace, index),
        sysctls=namespace.sysctls(index, KEPT),
        programs=machine.programs.attached(namespace, index),
        rdma=machine.rdma.of(namespace, facts.link),
        rdma_exclusive=machine.rdma.exclusive(),
    )


def settled(facts: LinkFacts) -> LinkFacts:
    """What of it is a state to return to: drivers make the table of an interface anew when it goes up."""
    if facts.link.up:
        return facts
    kept = tuple(setting for setting in facts.offloads.settings if setting.name != "rss/indirection")
    return replace(facts, offloads=replace(facts.offloads, settings=kept))


def home_facts(machine: Machine, index: int) -> LinkFacts:
    """Everything about an interface of the host, with what takes time to ask."""
    return replace(facts_of(machine, machine.kernel.host, index), function=machine.kernel.host.function(index))


def host_facts(machine: Machine, device: Identity) -> LinkFacts:
    """Everything about a device of the host. NOT_FOUND when it is not there, or another one is in its place.

    REFUSED for an RDMA device that is to be taken alone and has an interface here, which may be one the node depends on.
    """
    if device.rdma is not None:
        return _rdma_facts(machine, device, device.rdma)
    try:
        facts = settled(home_facts(machine, device.ifindex))
    except Failure as failure:
        if failure.code is not Code.NOT_FOUND:
            raise
        raise Failure(Code.NOT_FOUND, f"device {device}", "is not in the host now", HINT) from failure
    if facts.link.identity != device:
        detail = f"its index belongs to {facts.link.identity} now"
        raise Failure(Code.NOT_FOUND, f"device {device}", detail, HINT)
    return facts


def inspected(machine: Machine, device: Identity) -> LinkFacts:
    """The same for whoever plans, who has to know as well what cannot be changed."""
    facts = host_facts(machine, device)
    if device.rdma is not None:
        return facts
    fixed = machine.offloads.fixed(machine.kernel.host, device.ifindex)
    return replace(facts, offloads=replace(facts.offloads, fixed=fixed))


def _rdma_facts(machine: Machine, device: Identity, name: str) -> LinkFacts:
    found = machine.rdma.find(machine.kernel.host, name)
    if found is None:
        raise Failure(Code.NOT_FOUND, f"device {device}", "is not in the host now", HINT)
    known = Identity(ifindex=0, pci_address=machine.rdma.pci_address(found), rdma=name)
    if device != known:  # it is by the kernel's word, and not by the asker's, that the node's deny list knows a device
        raise Failure(Code.NOT_FOUND, f"device {device}", f"has PCI address {known.pci_address or 'none'} now", HINT)
    exclusive = machine.rdma.exclusive()
    interface = machine.rdma.interface(machine.kernel.host, found)
    if interface is not None:
        _check_left(machine, device, interface, exclusive)
    return LinkFacts(link=rdma_only(device), rdma=(found,), rdma_exclusive=exclusive)


def _check_left(machine: Machine, device: Identity, interface: int, exclusive: bool) -> None:
    """Whether the interface may be left in the host: a move of the RDMA device makes the kernel make an IPoIB one anew."""
    subject = f"device {device}"
    if not (machine.ipoib_stays and machine.kernel.host.link(interface).ipoib):
        raise Failure(Code.REFUSED, subject, f"belongs to interface #{interface}", HINT)
    needed = machine.kernel.why_needed(interface) if exclusive else ""
    if needed:
        raise Failure(
            Code.REFUSED, subject, f"the node needs its interface #{interface} ({needed}): a move takes it down"
        )
