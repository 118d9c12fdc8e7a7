"""Looks at the host: at all of it, again at what was touched, or again at a few links.

To look at all links is one question to the kernel; to find out all that there is to know of the hardware behind each is
many. So of links that are as they were, the hardware is left for later: ``recheck``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.domain.sight import NO_SIGHT, Sight, neighbours, renamed
from ports.devices import Link
from ports.discovery import Hardware, HardwareFacts, Interfaces, RdmaDevice, RdmaDevices
from ports.touched import Touched


class Looking:
    """Makes sights of what the ports show. Every method raises ``Failure`` when the host cannot be read."""

    def __init__(self, interfaces: Interfaces, hardware: HardwareFacts, rdma: RdmaDevices) -> None:
        self._interfaces = interfaces
        self._hardware = hardware
        self._rdma = rdma

    def everywhere(self, before: Sight = NO_SIGHT) -> Sight:
        """All of the host; but of links that are as before, the hardware as it was then."""
        links = {link.identity.ifindex: link for link in self._interfaces.links()}
        same = {
            index: before.hardware[index] for index in before.hardware if before.links.get(index) == links.get(index)
        }
        hardware = same | self._facts(link for index, link in links.items() if index not in same)
        return self._with_rdma(Sight(links=links, hardware=hardware, uplinks=self._interfaces.uplinks()))

    def again(self, sight: Sight, touched: Touched) -> Sight:
        """The sight with what was touched read anew."""
        if touched.everything:
            return self.everywhere(sight)
        links = self._links(sight.links, touched.links)
        beside = Touched(functions=renamed(sight, links, touched.links))
        due = neighbours(sight, touched) | neighbours(sight, beside)
        hardware = {index: facts for index, facts in sight.hardware.items() if index in links}
        hardware |= self._facts(links[index] for index in due if index in links)
        shared = any(found.interface in due for found in sight.rdma)
        changed = any(links.get(index) != sight.links.get(index) for index in touched.links)
        rerouted = changed or touched.addresses or touched.routing
        uplinks = self._interfaces.uplinks() if rerouted else sight.uplinks
        fresh = Sight(links=links, hardware=hardware, uplinks=uplinks, rdma=sight.rdma, functions=sight.functions)
        moved = links.keys() != sight.links.keys()
        return self._with_rdma(fresh) if moved or shared or touched.rdma or touched.functions else fresh

    def recheck(self, sight: Sight, indexes: Iterable[int]) -> Sight:
        """The sight with the hardware of these links read anew."""
        fresh = self._facts(sight.links[index] for index in indexes if index in sight.links)
        return replace(sight, hardware={**sight.hardware, **fresh})

    def _links(self, known: Mapping[int, Link], touched: Iterable[int]) -> dict[int, Link]:
        """In the order of their indexes, as the kernel lists them."""
        fresh = {index: self._interfaces.link(index) for index in touched}
        merged: dict[int, Link | None] = {**known, **fresh}
        return {index: link for index, link in sorted(merged.items()) if link is not None}

    def _facts(self, links: Iterable[Link]) -> dict[int, Hardware | None]:
        return {link.identity.ifindex: self._hardware.hardware(link) for link in links if not link.loopback}

    def _with_rdma(self, sight: Sight) -> Sight:
        rdma = self._rdma.devices(tuple(sight.links.values()))
        return replace(sight, rdma=rdma, functions={each: self._hardware.function(each) for each in _alone(rdma)})


def _alone(rdma: Iterable[RdmaDevice]) -> set[str]:
    """The PCI functions of RDMA devices without an interface."""
    return {found.pci_address for found in rdma if found.interface is None and found.pci_address}
