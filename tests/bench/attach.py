"""How long attach takes, against the floor: ``python -m tests.bench.attach [ROUNDS]``, as root.

The floor is what the kernel needs for the same effect: a minimal program opens the pod's namespace and sends the bare
messages (down, move with the name, addresses, up, route), written out beforehand, and reads each answer. Both are
measured in turn in one run, on the same interfaces (veth, two addresses and a route each), so that the ratio holds
whatever else the machine does. The worker's part holds everything: ledger and gate on a tmpfs as on a node, a look at the
host, the announcement. As on a node, the host's namespace is the process's own: it makes a new one for itself.
"""

from __future__ import annotations

import ctypes
import os
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.bpf.control import BpfPrograms
from adapters.cdi.gate import CdiGate
from adapters.clock.host import HostClock
from adapters.ethtool.control import EthtoolOffloads
from adapters.netlink import addresses, links, routes
from adapters.netlink.codec import Request, encode
from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.nsfs import inside, open_namespace
from adapters.rdma.control import NetlinkRdma
from dataplane.ledger import FileLedger
from dataplane.worker import Worker
from ports.controls import Machine
from ports.dataplane import Call, Sandbox
from ports.devices import Address, Link, Route
from ports.plan import Announce, Plan
from tests.support.plans import plan, pod_ref
from tests.support.private_net import add_veth, new_namespace

NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NUMBERS = (1, 8)
TMPFS = "/dev/shm"
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """One interface of the bench, as the host has it."""

    link: Link
    addresses: tuple[Address, ...]
    route: Route


class Bench:
    """A private host with interfaces, a pod, and a worker."""

    def __init__(self, directory: Path, number: int, stack: ExitStack) -> None:
        self.kernel = NetlinkKernel()
        stack.callback(self.kernel.close)
        self.wire, self.path = _namespace(stack), _namespace(stack)
        self.nics = tuple(self._nic(each) for each in range(1, number + 1))
        machine = Machine(
            kernel=self.kernel, offloads=EthtoolOffloads(), programs=BpfPrograms(), rdma=NetlinkRdma("/sys")
        )
        gate = CdiGate(str(directory / "cdi"), "dra.net")
        self.worker = Worker(machine, FileLedger(str(directory / "ledger"), "boot"), gate, HostClock())
        self.worker.recover()
        self._calls = 0
        self.worker.prepare(self._plan(), self.call())

    def call(self) -> Call:
        """A command of its own."""
        self._calls += 1
        return Call(key=f"bench-{self._calls}", deadline=time.monotonic() + 60)

    def attach(self) -> float:
        """Seconds that the worker takes; the interfaces are at home again afterwards."""
        sandbox = Sandbox(id="bench", pod_uid=pod_ref().uid, netns=self.path)
        seconds = timed(lambda: self.worker.attach(sandbox, self.call()))
        self.worker.detach(sandbox, self.call())
        return seconds

    def floor(self) -> float:
        """Seconds that the bare messages take."""
        packed = [(_departure(nic), _arrival(nic)) for nic in self.nics]
        seconds = timed(lambda: self._bare(packed))
        pod = self.kernel.open(self.path)
        for nic in self.nics:
            self._home(pod.move(nic.link.identity.ifindex, self.kernel.host, nic.link.name), nic)
        pod.close()
        return seconds

    def _bare(self, packed: list[tuple[Callable[[int], list[bytes]], list[bytes]]]) -> None:
        descriptor = open_namespace(self.path)
        with inside(descriptor, _socket) as pod, inside(self.kernel.host.descriptor, _socket) as host:
            for departure, arrival in packed:
                _say(host, departure(descriptor))
                _say(pod, arrival)
        os.close(descriptor)

    def _home(self, link: Link, nic: Nic) -> None:
        host, index = self.kernel.host, link.identity.ifindex
        for address in nic.addresses:
            host.add_address(index, address)
        host.set_up(index, True)
        host.add_route(index, nic.route)

    def _nic(self, number: int) -> Nic:
        wire = self.kernel.open(self.wire)
        add_veth(self.kernel.host, f"ens{number}", wire)
        wire.close()
        link = self.kernel.host.find(f"ens{number}")
        assert link is not None
        pair = (Address(prefix=f"192.0.{number}.1/24"), Address(prefix=f"2001:db8:{number}::1/64"))
        route = Route(destination=f"198.51.{number}.0/24", gateway=f"192.0.{number}.254")
        nic = Nic(link=link, addresses=pair, route=route)
        self._home(link, nic)
        return nic

    def _plan(self) -> Plan:
        facts = self.worker.inspect(tuple(nic.link.identity for nic in self.nics), self.call())
        made = plan(*facts, names=tuple(f"net{number}" for number in range(1, len(facts) + 1)))
        devices = (replace(device, steps=(*device.steps, Announce())) for device in made.devices)
        return replace(made, devices=tuple(devices))


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _departure(nic: Nic) -> Callable[[int], list[bytes]]:
    index, name = nic.link.identity.ifindex, nic.link.name.replace("ens", "net")
    return lambda pod: [_packed(links.switching(index, False)), _packed(links.moving(index, pod, name))]


def _arrival(nic: Nic) -> list[bytes]:
    index = nic.link.identity.ifindex
    added = [_packed(addresses.adding(index, address, 0.0)) for address in nic.addresses]
    return [*added, _packed(links.switching(index, True)), _packed(routes.adding(index, nic.route))]


def _packed(request: Request) -> bytes:
    return encode(request, request.flags | NLM_F_REQUEST | NLM_F_ACK, 1)


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    made.bind((0, 0))
    return made


def _say(talking: socket.socket, requests: list[bytes]) -> None:
    for request in requests:
        talking.send(request)
        (number,) = struct.unpack_from("=i", talking.recv(4096), 16)
        if number:
            raise OSError(-number, os.strerror(-number))


def _namespace(stack: ExitStack) -> str:
    descriptor = new_namespace()
    stack.callback(os.close, descriptor)
    return f"/proc/self/fd/{descriptor}"


@contextmanager
def bench(number: int) -> Iterator[Bench]:
    """A bench with so many interfaces."""
    with tempfile.TemporaryDirectory(prefix="knd-bench-", dir=TMPFS) as directory, ExitStack() as stack:
        yield Bench(Path(directory), number, stack)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.exit(f"a network namespace of its own: {os.strerror(ctypes.get_errno())}")
    for number in NUMBERS:
        with bench(number) as made:
            pairs = [(made.floor(), made.attach()) for _ in range(rounds)]
        floor, attach = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
        ratio = statistics.median(two / one for one, two in pairs)
        more = statistics.median((two - one) * 1000 for one, two in pairs)
        print(
            f"{number} veth   floor {floor:7.2f} ms   attach {attach:7.2f} ms   more {more:6.2f} ms   ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
