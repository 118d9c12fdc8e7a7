"""The bench of the dataplane contract around the worker on the model of a kernel."""

from __future__ import annotations

from dataplane.worker import Worker
from ports.controls import Machine
from ports.devices import Address, Identity, Link, Route
from tests.contracts.kernel.fake import FakeKernel
from tests.support.clock import FakeClock
from tests.support.gate import MemoryGate
from tests.support.ledger import MemoryLedger

HOST_NETNS = "/proc/1/ns/net"


class WorkerBench:
    """A worker on a model host with two cards and an uplink, on a clock that stands still."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kernel = FakeKernel()
        self.ledger = MemoryLedger()
        self.gate = MemoryGate()
        self.kernel.add_host_path(HOST_NETNS)
        default = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
        self.uplink = self.kernel.add_link("uplink0", pci_address="0000:01:00.0", routes=(default,)).identity
        self.links = tuple(_card(self.kernel, number) for number in (1, 2))
        self.devices = tuple(link.identity for link in self.links)
        self.host_netns = HOST_NETNS
        self.dataplane = self._new()
        self._paths: dict[str, str] = {}

    def now(self) -> float:
        """Seconds of the fake clock."""
        return self.clock.monotonic()

    def netns(self, name: str) -> str:
        """The path of a pod's namespace, made on the first call of that name."""
        if name not in self._paths:
            self._paths[name] = f"/var/run/netns/{name}"
            self.kernel.add_namespace(self._paths[name])
        return self._paths[name]

    def end(self, netns: str) -> None:
        """Let the namespace die."""
        self.kernel.kill_namespace(netns)

    def occupy(self, netns: str, name: str) -> None:
        """A foreign link of that name in there."""
        self.kernel.add_link(name, namespace=netns)

    def disturb(self, device: Identity) -> None:
        """Another MTU."""
        self.kernel.host.set_mtu(device.ifindex, 1400)

    def restart(self) -> None:
        """A new worker on the same kernel and ledger; a killed process holds no namespace open."""
        for sandbox in self.dataplane.namespaces.held():
            self.dataplane.namespaces.leave(sandbox)
        self.dataplane = self._new()

    def _new(self) -> Worker:
        worker = Worker(Machine(kernel=self.kernel), self.ledger, self.gate, self.clock)
        worker.recover()
        return worker


def _card(kernel: FakeKernel, number: int) -> Link:
    return kernel.add_link(
        f"ens{number}",
        pci_address=f"0000:3b:00.{number}",
        permanent_address=f"02:00:00:00:00:0{number}",
        mac=f"02:00:00:00:00:0{number}",
        addresses=(Address(prefix=f"192.0.2.{number}/24"),),
        routes=(Route(destination=f"198.51.{number}.0/24", gateway="192.0.2.254"),),
    )
