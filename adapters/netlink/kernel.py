"""The host's kernel: its own namespace, pods' namespaces by path, and the links the node itself stands on."""

from __future__ import annotations

import os
from collections.abc import Iterable

from adapters.netlink import sysctls
from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.nsfs import open_namespace
from adapters.netlink.pci import PciAddresses
from adapters.netlink.standing import Standing
from ports.devices import Link
from ports.errors import Code, Failure
from ports.hardware import LinkDetails


class NetlinkKernel:
    """Implements ``ports.kernel.Kernel`` and, for the watcher, ``ports.discovery.Interfaces``.

    ``timeout``: seconds that an answer of the kernel may take. ``host``: path of the namespace taken as the host's.
    ``sysctl_root``: where /proc/sys/net is mounted writable. ``needed``: IP addresses that the node must keep reaching, its
    own included.
    """

    def __init__(
        self,
        sysfs_root: str = "/sys",
        *,
        timeout: float = 10.0,
        host: str = "/proc/self/ns/net",
        sysctl_root: str = sysctls.ROOT,
        needed: Iterable[str] = (),
    ) -> None:
        self._pci = PciAddresses(sysfs_root)
        self._timeout = timeout
        self._sysctl_root = sysctl_root
        self._host = self._namespace(open_namespace(host))
        self._standing = Standing(self._host, self._pci, needed)

    @property
    def host(self) -> NetlinkNamespace:
        """The host's namespace."""
        return self._host

    def open(self, path: str) -> NetlinkNamespace:
        """Open the namespace at ``path``; never creates one."""
        opened = self._namespace(open_namespace(path))
        if opened.cookie == self._host.cookie:
            opened.close()
            raise Failure(Code.REFUSED, path, "the host's own network namespace")
        return opened

    def links(self) -> tuple[Link, ...]:
        """All links of the host."""
        return self._host.links()

    def link(self, ifindex: int) -> Link | None:
        """One link of the host, if it is there."""
        try:
            return self._host.link(ifindex)
        except Failure as failure:
            if failure.code is Code.NOT_FOUND:
                return None
            raise

    def uplinks(self) -> dict[int, str]:
        """What the node itself depends on, with the reasons."""
        return self._standing.everything()

    def why_needed(self, ifindex: int) -> str:
        """Why the node needs this link now."""
        return self._standing.why(ifindex)

    def details(self, link: Link) -> LinkDetails:
        """Alias, addresses and switch port of a link of the host. Implements ``ports.discovery.DetailFacts``."""
        return self._host.details(link.identity.ifindex)

    def close(self) -> None:
        """Give the host's namespace up; for tests and a process that ends."""
        self._host.close()

    def _namespace(self, descriptor: int) -> NetlinkNamespace:
        try:
            return NetlinkNamespace(descriptor, self._pci, self._timeout, self._sysctl_root)
        except BaseException:
            os.close(descriptor)
            raise
