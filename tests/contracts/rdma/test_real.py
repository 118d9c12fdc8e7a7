"""The real control keeps the contract: shared with a stock kernel, exclusive with soft devices that can be moved.

Run in a guest (``python -m tests.vm``): these tests make soft RDMA devices on dummy interfaces and set the host's mode.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import count

import pytest

from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from ports.devices import Link, RdmaLink
from ports.kernel import Namespace
from tests.contracts.rdma.contract import ExclusiveContract, SharedContract, World
from tests.support import soft_rdma
from tests.support.eventually import eventually

pytestmark = pytest.mark.vm


class RealWorld:
    """Arranges this machine, and puts everything back."""

    def __init__(self, exclusive: bool) -> None:
        self.kernel, self.rdma = NetlinkKernel(), NetlinkRdma()
        self._exclusive = self.rdma.exclusive()
        soft_rdma.set_mode(exclusive)
        self._open: list[tuple[str, Namespace]] = []
        self._made: list[RdmaLink] = []
        self._links: list[Link] = []
        self._numbers = count()

    @property
    def host(self) -> Namespace:
        return self.kernel.host

    def add_namespace(self) -> Namespace:
        name = f"kndr{next(self._numbers)}"
        run("ip", "netns", "add", name)
        namespace = self.kernel.open(f"/run/netns/{name}")
        self._open.append((name, namespace))
        return namespace

    def end_namespace(self, namespace: Namespace) -> None:
        ((name, _),) = (each for each in self._open if each[1] is namespace)
        moved = [rdma for rdma in self._made if self.rdma.at(namespace, rdma.index) is not None]
        self._open.remove((name, namespace))
        namespace.close()
        run("ip", "netns", "delete", name)
        for rdma in moved:
            eventually(lambda index=rdma.index: self.rdma.at(self.host, index) is not None)  # type: ignore[misc]

    def add_interface(self) -> Link:
        name = f"kndd{next(self._numbers)}"
        run("ip", "link", "add", name, "up", "type", "dummy")
        link = self.host.find(name)
        assert link is not None
        self._links.append(link)
        return link

    def add_rdma(self, link: Link) -> RdmaLink:
        name = f"kndrxe{next(self._numbers)}"
        soft_rdma.make(name, link)
        rdma = self.rdma.find(self.host, name)
        assert rdma is not None
        self._made.append(rdma)
        return rdma

    def rename_inside(self, namespace: Namespace, rdma: RdmaLink, name: str) -> None:
        self.rdma.rename(RdmaLink(name=name, index=rdma.index), namespace)

    def close(self) -> None:
        while self._open:
            self.end_namespace(self._open[-1][1])
        for rdma in self._made:
            here = self.rdma.at(self.host, rdma.index)
            if here is not None:
                soft_rdma.remove(here)
        for link in self._links:
            run("ip", "link", "delete", link.name)
        self.kernel.close()
        soft_rdma.set_mode(self._exclusive)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def worlds(exclusive: bool) -> Iterator[RealWorld]:
    if not os.environ.get("KND_VM"):
        pytest.skip("sets the host's RDMA mode; runs in an emulated machine: make test TIERS=vm")
    world = RealWorld(exclusive)
    try:
        yield world
    finally:
        world.close()


class TestShared(SharedContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        yield from worlds(exclusive=False)

    def test_a_soft_device_leaves_when_its_driver_does(self, world: RealWorld, device: RdmaLink) -> None:
        soft_rdma.remove(device)
        assert world.rdma.at(world.host, device.index) is None
        assert world.rdma.devices(world.host.links()) == ()

    def test_the_watchers_list_has_the_interface(self, world: RealWorld, link: Link, device: RdmaLink) -> None:
        (seen,) = world.rdma.devices(world.host.links())
        assert (seen.rdma, seen.protocol, seen.interface) == (device, "roce", link.identity.ifindex)


@pytest.mark.movable_rdma
class TestExclusive(ExclusiveContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        yield from worlds(exclusive=True)
