"""The worker over the real kernel, in a private host: for the contract, and for what only a real kernel shows."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.bpf.control import BpfPrograms
from adapters.clock.host import HostClock
from adapters.dhcp.packet import DhcpPackets
from adapters.ethtool.control import EthtoolOffloads
from dataplane.worker import Worker
from ports.controls import Machine
from ports.devices import Address, Identity, Link, Route
from tests.netns.world import RealWorld
from tests.support.gate import MemoryGate
from tests.support.ledger import MemoryLedger
from tests.support.private_net import new_namespace


class RealBench:
    """Two veths with addresses and routes, and a third that the node depends on."""

    def __init__(self, directory: Path) -> None:
        self.world = RealWorld(directory)
        self.kernel = self.world.kernel
        self.machine = Machine(
            kernel=self.kernel, offloads=EthtoolOffloads(), programs=BpfPrograms(), packets=DhcpPackets()
        )
        self.clock = HostClock()
        self.ledger = MemoryLedger()
        self.gate = MemoryGate()
        self.host_netns = self.world.host_path()
        self.uplink = self._uplink().identity
        self.devices = (self._device(1).identity, self._device(2).identity)
        self._descriptors: dict[str, int] = {}
        self.dataplane = self._new()

    def now(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return self.clock.monotonic()

    def netns(self, name: str) -> str:
        """The path of a pod's namespace, made on the first call of that name."""
        if name not in self._descriptors:
            self._descriptors[name] = new_namespace()
        return f"/proc/self/fd/{self._descriptors[name]}"

    def end(self, netns: str) -> None:
        """Give up what keeps the namespace alive here; the worker may hold it still."""
        descriptor = int(netns.rpartition("/")[2])
        name = next(name for name, each in self._descriptors.items() if each == descriptor)
        os.close(self._descriptors.pop(name))

    def occupy(self, netns: str, name: str) -> None:
        """A foreign link of that name in there."""
        made = self.world.add_link(f"foreign{len(self._descriptors)}")
        pod = self.kernel.open(netns)
        self.kernel.host.move(made.identity.ifindex, pod, name)
        pod.close()

    def disturb(self, device: Identity) -> None:
        """Another MTU."""
        self.kernel.host.set_mtu(device.ifindex, 1400)

    def restart(self) -> None:
        """A new worker; the ended process's namespaces are closed, as the kernel does."""
        self.die()
        self.dataplane = self._new()

    def die(self) -> None:
        """Close what the worker holds open."""
        for sandbox in self.dataplane.namespaces.held():
            self.dataplane.namespaces.leave(sandbox)

    def close(self) -> None:
        """End everything."""
        self.die()
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self.world.close()

    def _new(self) -> Worker:
        worker = Worker(self.machine, self.ledger, self.gate, self.clock)
        worker.recover()
        return worker

    def _device(self, number: int) -> Link:
        host, index = self.kernel.host, self.world.add_link(f"ens{number}").identity.ifindex
        host.set_mac(index, f"02:00:00:00:00:0{number}")
        host.add_address(index, Address(prefix=f"192.0.2.{number}/24"))
        host.add_address(index, Address(prefix=f"2001:db8::{number}/64"))
        host.set_up(index, True)
        host.add_route(index, Route(destination=f"198.51.{number}.0/24", gateway="192.0.2.254", metric=77))
        return host.link(index)

    def _uplink(self) -> Link:
        host, index = self.kernel.host, self.world.add_link("uplink0").identity.ifindex
        host.add_address(index, Address(prefix="203.0.113.2/24"))
        host.set_up(index, True)
        host.add_route(index, Route(destination="0.0.0.0/0", gateway="203.0.113.1"))
        return host.link(index)
