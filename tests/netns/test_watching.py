"""The watcher's loop on the real kernel: many interfaces, bursts, storms; what it knows is always what there is."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from adapters.clock.host import HostClock
from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from adapters.sysfs.hardware import SysfsHardware
from agent.domain.sight import devices
from agent.host import inspector
from agent.services.looking import Looking
from agent.services.watching import Watcher
from ports.devices import Address, Inventory, Route
from tests.netns.world import RealWorld
from tests.support.events import sources_inside
from tests.support.private_net import add_link, delete_link

pytestmark = pytest.mark.netns
BOUND = 60.0
MANY = 300


class Running:
    """A watcher in a thread of its own, upon the private host, and its newest inventory."""

    def __init__(self, real: RealWorld) -> None:
        self.changes, _ = sources_inside(real.host.descriptor)
        self.kernel = NetlinkKernel(host=real.host_path())
        self.hardware = inspector(self.kernel, SysfsHardware("/sys"), "")
        self.newest: Inventory | None = None
        self.cpu = 0.0
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def publish(self, inventory: Inventory) -> None:
        with self._news:
            self.newest = inventory
            self._news.notify_all()

    def until(self, holds: Callable[[Inventory], bool]) -> Inventory:
        """The newest inventory once it holds of it."""
        with self._news:
            assert self._news.wait_for(lambda: self.newest is not None and holds(self.newest), BOUND), self.newest
            assert self.newest is not None
            return self.newest

    def settled(self) -> None:
        """Wait until what is published is what a fresh look at everything finds."""
        fresh = Looking(self.kernel, self.hardware, NetlinkRdma("/sys"))
        end = time.monotonic() + BOUND
        while True:
            there = devices(fresh.everywhere(), "dra.net")
            if self.newest is not None and self.newest.devices == there:
                return
            assert time.monotonic() < end, (self.newest, there)
            time.sleep(0.2)

    def stop(self) -> float:
        """Processor seconds that it took in all."""
        self._stopped.set()
        self.changes.wake()
        self._thread.join()
        return self.cpu

    def close(self) -> None:
        self.stop()
        self.changes.close()
        self.kernel.close()

    def _run(self) -> None:
        Watcher(
            interfaces=self.kernel,
            hardware=self.hardware,
            rdma=NetlinkRdma("/sys"),
            changes=self.changes,
            sink=self,
            clock=HostClock(),
            driver="dra.net",
        ).run(self._stopped)
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        self.cpu = usage.ru_utime + usage.ru_stime


@pytest.fixture
def running(real: RealWorld) -> Iterator[Running]:
    made = Running(real)
    made.until(lambda inventory: True)
    yield made
    made.close()


def test_hundreds_of_interfaces_that_come_change_and_go_are_all_known(real: RealWorld, running: Running) -> None:
    indexes = [add_link(real.host, f"many{number}", "ifb") for number in range(MANY)]
    running.until(lambda inventory: len(inventory.devices) == MANY)
    for number, index in enumerate(indexes):
        if number % 3 == 0:
            real.host.set_mtu(index, 1000 + number)
        elif number % 3 == 1:
            real.host.add_address(index, Address(prefix=f"10.{number // 250}.{number % 250}.1/24"))
        else:
            delete_link(real.host, index)
    running.settled()
    assert running.newest is not None
    assert len(running.newest.devices) == MANY - MANY // 3


def test_a_storm_takes_at_most_half_a_processor_and_ends_in_the_truth(real: RealWorld, running: Running) -> None:
    index = real.add_link("net7").identity.ifindex
    running.until(lambda inventory: inventory.device("net7") is not None)
    begun, mtu = time.monotonic(), 1000
    while time.monotonic() - begun < 4.0:
        mtu = 1000 + (mtu + 1) % 400
        real.host.set_mtu(index, mtu)
    took = time.monotonic() - begun
    running.settled()
    print(f"{running.stop():.2f} s of processor in {took:.2f} s")
    assert running.cpu < took * 0.5 + 0.5  # the start and the last look among it


def test_an_interface_that_leaves_and_returns_is_the_same_device(real: RealWorld, running: Running) -> None:
    index = real.add_link("net7").identity.ifindex
    first = running.until(lambda inventory: inventory.device("net7") is not None).device("net7")
    pod = real.kernel.open(real.add_namespace())
    there = real.host.move(index, pod, "net1")
    running.until(lambda inventory: inventory.device("net7") is None)
    pod.move(there.identity.ifindex, real.host, "net7")
    pod.close()
    assert running.until(lambda inventory: inventory.device("net7") is not None).device("net7") == first


def test_the_default_route_moves_from_one_interface_to_another(real: RealWorld, running: Running) -> None:
    indexes = []
    for number in (1, 2):
        indexes.append(real.add_link(f"net{number}").identity.ifindex)
        real.host.add_address(indexes[-1], Address(prefix=f"192.0.{number}.5/24"))
        real.host.set_up(indexes[-1], True)
    running.until(lambda inventory: len(inventory.devices) == 2)
    routes = [Route(destination="0.0.0.0/0", gateway=f"192.0.{number}.1") for number in (1, 2)]
    real.host.add_route(indexes[0], routes[0])
    running.until(lambda inventory: [each.interface for each in inventory.devices] == ["net2"])
    real.host.remove_route(indexes[0], routes[0])
    real.host.add_route(indexes[1], routes[1])
    running.until(lambda inventory: [each.interface for each in inventory.devices] == ["net1"])
    real.host.set_up(indexes[1], False)
    running.until(lambda inventory: len(inventory.devices) == 2)
