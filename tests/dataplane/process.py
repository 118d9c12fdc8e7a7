"""The real process ``python -m dataplane`` in a private host, started, killed and started again by tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from adapters.bpf.control import BpfPrograms
from adapters.bus.dataplane import AttachingClient, PreparingClient
from adapters.ethtool.control import EthtoolOffloads
from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.namespace import NetlinkNamespace
from dataplane.facts import host_facts
from ports.controls import Machine
from ports.dataplane import Call, Sandbox
from ports.devices import Address, LinkFacts, Route
from ports.errors import Code, Failure
from ports.places import Places
from tests.support.plans import pod_ref
from tests.support.private_net import add_veth, new_namespace

POD = pod_ref("web")
ENTER = """
import ctypes, sys
assert ctypes.CDLL(None).setns(int(sys.argv.pop(1)), 0x40000000) == 0
from dataplane.__main__ import main
ended = main()
print(*sorted(sys.modules), sep="\\n")
sys.exit(ended)
"""


class Node:
    """A private host with two devices and a pod's namespace, and the dataplane's processes in it, one after the other."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.places = Places(str(directory / "run"))
        self.cdi = directory / "cdi"
        self.preparing = PreparingClient(self.places.prepare_socket)
        self.attaching = AttachingClient(self.places.attach_socket)
        self._output = directory / "output"
        self.descriptors = tuple(new_namespace() for _ in range(4))
        for descriptor in self.descriptors:
            stack.callback(os.close, descriptor)
        self.host, pod, wire, other = self.descriptors
        self.kernel = NetlinkKernel(host=f"/proc/self/fd/{self.host}")
        stack.callback(self.kernel.close)
        self.machine = Machine(kernel=self.kernel, offloads=EthtoolOffloads(), programs=BpfPrograms())
        self.pod_netns, self.other_netns = f"/proc/self/fd/{pod}", f"/proc/self/fd/{other}"
        other_ends = self.kernel.open(f"/proc/self/fd/{wire}")
        self.devices = tuple(self._device(other_ends, number) for number in (1, 2))
        other_ends.close()

    def _device(self, wire: NetlinkNamespace, number: int) -> LinkFacts:
        host, name = self.kernel.host, f"ens{number}"
        add_veth(host, name, wire)
        found = host.find(name)
        assert found is not None
        index = found.identity.ifindex
        host.add_address(index, Address(prefix=f"192.0.2.{number}/24"))
        host.set_up(index, True)
        host.add_route(index, Route(destination=f"198.51.{number}.0/24", gateway="192.0.2.254", metric=7))
        return host_facts(self.machine, host.link(index).identity)

    def start(self, *flags: str, wait: bool = True, before: str = "") -> subprocess.Popen[str]:
        """A process; unless told otherwise, once it answers. ``before`` it begins, it does this in its own code."""
        flags = (f"--runtime-dir={self.places.runtime_dir}", f"--cdi-root={self.cdi}", *flags)
        with self._output.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", before + ENTER, str(self.host), *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
                pass_fds=self.descriptors,
                cwd=Path(__file__).parents[2],
            )
        if wait:
            self._wait_for(process)
        return process

    def output(self) -> str:
        """What the last process has written."""
        return self._output.read_text()

    def call(self, seconds: float = 20.0) -> Call:
        """A command of its own."""
        return Call(key=os.urandom(8).hex(), deadline=time.monotonic() + seconds)

    def sandbox(self, started: bool = False) -> Sandbox:
        """The pod's."""
        return Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=self.pod_netns, containers_started=started)

    def facts(self) -> tuple[LinkFacts, ...]:
        """The devices as the host has them now."""
        return tuple(host_facts(self.machine, device.link.identity) for device in self.devices)

    def in_pod(self) -> set[str]:
        """The names in the pod's namespace."""
        pod = self.kernel.open(self.pod_netns)
        try:
            return {link.name for link in pod.links() if not link.loopback}
        finally:
            pod.close()

    def _wait_for(self, process: subprocess.Popen[str]) -> None:
        end = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < end:
            try:
                self.attaching.held(self.call(1.0))
            except Failure as failure:
                assert failure.code in {Code.UNAVAILABLE, Code.DEADLINE}
                time.sleep(0.02)
            else:
                return
        stop(process)
        raise AssertionError(f"it does not serve: {self.output()}")


def stop(process: subprocess.Popen[str]) -> None:
    """End it for certain."""
    if process.poll() is None:
        process.kill()
    process.wait(10)


@contextmanager
def private_node() -> Iterator[Node]:
    """A node that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="knd-") as directory, ExitStack() as stack:
        yield Node(Path(directory), stack)
