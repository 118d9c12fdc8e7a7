"""From links and facts to the devices that are offered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from agent.domain.discovery import eswitch, interface, names, place, rdma
from agent.domain.discovery.capacity import bandwidth
from agent.domain.discovery.catalogue import ordered, qualified
from agent.domain.discovery.offered import is_alone, why_not
from agent.domain.discovery.vitals import vitals
from ports.devices import AttributeValue, Device, Identity, Link
from ports.discovery import RdmaDevice
from ports.hardware import Hardware


def devices(
    links: Iterable[Link],
    hardware: Mapping[int, Hardware | None],
    uplinks: Container[int],
    driver: str,
    rdma: Iterable[RdmaDevice] = (),
    functions: Mapping[str, Hardware] | None = None,
    shared: frozenset[str] = frozenset(),
) -> tuple[Device, ...]:
    """The devices to offer, by name. ``driver`` is the attributes' domain.

    ``hardware`` is by interface index, ``functions`` by PCI address, for the RDMA devices that have no interface. The
    attributes of a device are in the order of their importance: who must leave some out begins with the last. ``shared``
    are names that several interfaces had before (``shared_names``).
    """
    links = tuple(links)
    offered = [link for link in links if not why_not(link, hardware.get(link.identity.ifindex), uplinks)]
    facts = {link.identity.ifindex: hardware.get(link.identity.ifindex) or _guessed(link) for link in offered}
    making = _Making(driver, tuple(rdma), eswitch.modes(filter(None, hardware.values())))
    making.shared = shared | shared_names(links, hardware)
    for link in sorted(offered, key=lambda link: link.identity.ifindex):
        making.interface(link, facts[link.identity.ifindex])
    for alone in filter(is_alone, making.rdma):
        known = (functions or {}).get(alone.pci_address or "") or Hardware(virtual=alone.pci_address is None)
        making.rdma_only(alone, known)
    return tuple(device for _, device in sorted(making.named.items()))


def shared_names(links: Iterable[Link], hardware: Mapping[int, Hardware | None]) -> frozenset[str]:
    """The names that several interfaces of one function would have, offered or not, because no port tells them apart."""
    owners: dict[str, set[str]] = defaultdict(set)
    for link in links:
        facts = hardware.get(link.identity.ifindex)
        if facts is not None and facts.pci_address and link.identity.permanent_address:
            owners[names.of_interface(link.name, facts)].add(link.identity.permanent_address)
    return frozenset(name for name, addresses in owners.items() if len(addresses) > 1)


def _guessed(link: Link) -> Hardware:
    """Where sysfs shows nothing: hardware has no rtnetlink kind."""
    return Hardware(virtual=bool(link.identity.link_kind), pci_address=link.identity.pci_address)


class _Making:
    """The devices of one look at the host, by name."""

    def __init__(self, driver: str, found: tuple[RdmaDevice, ...], modes: Mapping[str, str]) -> None:
        self.named: dict[str, Device] = {}
        self.rdma = found
        self.shared: frozenset[str] = frozenset()
        self._driver = driver
        self._modes = modes

    def interface(self, link: Link, hardware: Hardware) -> None:
        """The device of an interface."""
        own = [each for each in self.rdma if each.interface == link.identity.ifindex]
        permanent = link.identity.permanent_address
        wanted = names.of_interface(link.name, hardware)
        if permanent and wanted in self.shared:
            wanted = names.marked(wanted, permanent)
        name = names.free(wanted, f"{permanent} {link.name}", self.named)
        self._add(name, link.identity, link, hardware, own)

    def rdma_only(self, found: RdmaDevice, hardware: Hardware) -> None:
        """The device of an RDMA device without an interface: only the attributes that it can have."""
        identity = Identity(ifindex=0, pci_address=found.pci_address, rdma=found.rdma.name)
        wanted = names.of_function(found.pci_address) if found.pci_address else names.labelled(found.rdma.name)
        self._add(names.free(wanted, found.rdma.name, self.named), identity, None, hardware, [found])

    def _add(self, name: str, identity: Identity, link: Link | None, hardware: Hardware, own: list[RdmaDevice]) -> None:
        told: dict[str, AttributeValue] = dict(interface.attributes(link, hardware)) if link is not None else {}
        told.update(place.attributes(hardware, link is not None))
        told.update(rdma.attributes(own, hardware.port))
        mode = eswitch.mode_of(hardware, self._modes)
        firmware = next((each.facts.firmware for each in own if each.facts.firmware), "")
        told.update({"eswitchMode": mode} if mode else {})
        told.update({"firmwareVersion": firmware} if firmware and "firmwareVersion" not in told else {})
        self.named[name] = Device(
            name=name,
            identity=identity,
            interface=link.name if link is not None else "",
            attributes=ordered(qualified(told, self._driver), self._driver),
            capacity=qualified(bandwidth(link, hardware, own), self._driver),
            vitals=vitals(link, hardware, own),
        )
