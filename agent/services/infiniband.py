"""A host whose IPoIB interfaces stay where they are: it looks as if it had none, and their RDMA devices as if alone.

That is what nodes need whose InfiniBand functions carry an interface of the node's own beside what pods use them for
(DRANET's ``--move-ib-interfaces=false``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ports.devices import Link
from ports.discovery import Interfaces, RdmaDevice, RdmaDevices


@dataclass(frozen=True, slots=True)
class OtherInterfaces:
    """``Interfaces`` without those that are IPoIB."""

    inner: Interfaces

    def links(self) -> tuple[Link, ...]:
        """All others."""
        return tuple(link for link in self.inner.links() if not link.ipoib)

    def link(self, ifindex: int) -> Link | None:
        """One of them."""
        found = self.inner.link(ifindex)
        return None if found is None or found.ipoib else found

    def uplinks(self) -> Mapping[int, str]:
        """Those of all interfaces."""
        return self.inner.uplinks()


@dataclass(frozen=True, slots=True)
class AloneBesideIpoib:
    """``RdmaDevices`` that belong to an interface only where that is among the links that are asked about."""

    inner: RdmaDevices

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        """All of them."""
        known = tuple(links)
        indexes = {link.identity.ifindex for link in known}
        return tuple(
            found if found.interface in indexes else replace(found, interface=None)
            for found in self.inner.devices(known)
        )
