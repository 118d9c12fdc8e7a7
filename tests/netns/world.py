"""A host of its own on the real kernel: its namespace is private, so that nothing of the machine is touched."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.namespace import NetlinkNamespace
from ports.devices import Link
from tests.support.private_net import add_veth, new_namespace, private_namespace


class RealWorld:
    """Arranges the real kernel for the contract. ``wire`` is the namespace with the other ends of all veth pairs."""

    def __init__(self, directory: Path, timeout: float = 10.0) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._host_path = self._stack.enter_context(private_namespace())
        self.kernel = NetlinkKernel(host=self._host_path, timeout=timeout)
        self._stack.callback(self.kernel.close)
        self.wire = self.kernel.open(self.add_namespace())
        self._stack.callback(self.wire.close)

    @property
    def host(self) -> NetlinkNamespace:
        return self.kernel.host

    def add_link(self, name: str, ifindex: int | None = None) -> Link:
        add_veth(self.host, name, self.wire, ifindex)
        found = self.host.find(name)
        assert found is not None
        return found

    def add_namespace(self) -> str:
        descriptor = new_namespace()
        self._stack.callback(os.close, descriptor)
        return f"/proc/self/fd/{descriptor}"

    def foreign_path(self) -> str:
        path = self._directory / "a-file"
        path.touch()
        return str(path)

    def host_path(self) -> str:
        return self._host_path

    def close(self) -> None:
        self._stack.close()
