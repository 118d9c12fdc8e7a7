"""A walk over how the host's links stand to each other, one question to the kernel at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.netlink import links
from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.pci import PciAddresses
from ports.devices import Link
from ports.errors import Code, Failure
from ports.uplinks import standing_on

LEAVES = frozenset(
    {"veth", "macvlan", "macvtap", "ipvlan", "ipvtap", "vlan", "dummy", "ifb", "tun", "vxlan"}
)  # no ports


class Walk:
    """One walk over how links stand to each other; each is asked about once."""

    def __init__(self, host: NetlinkNamespace, functions: PciAddresses) -> None:
        self._host = host
        self._functions = functions
        self._asked: dict[int, tuple[Link | None, links.Relation]] = {}

    def from_(self, roots: Mapping[int, str]) -> dict[int, str]:
        """The roots with what they stand on."""
        return standing_on(roots, self._below, self._above)

    def _below(self, ifindex: int) -> Iterator[int]:
        """The link that it is on, its ports, and the physical function of a virtual one."""
        link, relation = self._about(ifindex)
        if link is None:
            return
        if relation.lower is not None:
            yield relation.lower
        if link.identity.link_kind not in LEAVES:
            for message in self._host.socket.dump(links.ports_of(ifindex), f"ports of {link.name}"):
                if (port := links.relation(message)).master == ifindex:
                    yield port.ifindex
        if link.identity.pci_address:
            names = self._functions.physical_interfaces(link.identity.pci_address)
            yield from (found.identity.ifindex for name in names if (found := self._host.find(name)) is not None)

    def _above(self, ifindex: int) -> Iterator[int]:
        _link, relation = self._about(ifindex)
        if relation.master is not None:
            yield relation.master

    def _about(self, ifindex: int) -> tuple[Link | None, links.Relation]:
        if ifindex not in self._asked:
            self._asked[ifindex] = self._ask(ifindex)
        return self._asked[ifindex]

    def _ask(self, ifindex: int) -> tuple[Link | None, links.Relation]:
        try:
            message = self._host.socket.ask(links.by_index(ifindex), f"interface #{ifindex}")
        except Failure as failure:
            if failure.code is not Code.NOT_FOUND:
                raise
            return None, links.Relation(ifindex=ifindex)  # gone meanwhile
        return links.link(message, self._functions), links.relation(message)
