"""What a look at a host with many interfaces costs: ``python -m tests.bench.discovery [INTERFACES]``, as root.

In a network namespace of its own it makes the interfaces (ifb), looks at all of them, then changes one and looks at what
the event says, again and again. The floor of a full look is the kernel's own dump of the links, received and thrown away;
that of one change is one request for one link. Ratios hold whatever else the machine does; times are of this machine.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

from pyroute2 import IPRoute

from adapters.bus.envelope import pack
from adapters.bus.feed import Edition
from adapters.events.sources import Sources
from adapters.netlink import links
from adapters.netlink.events import NetlinkEvents
from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from adapters.sysfs.hardware import SysfsHardware
from agent.domain.sight import Sight, devices
from agent.host import inspector
from agent.services.looking import Looking
from ports.devices import Inventory
from ports.touched import Touched
from tests.bench.attach import CLONE_NEWNET, timed
from tests.support.private_net import add_link

INTERFACES = 1000
FULL, SINGLE = 5, 50  # rounds
DRIVER = "dra.net"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was measured, in milliseconds, and its ratio to a floor."""

    what: str
    ms: float
    floor: float

    def __str__(self) -> str:
        return f"{self.what:<46} {self.ms:9.2f} ms   {self.ms / self.floor:7.1f} x floor"


class Bench:
    """A host with so many interfaces, in the namespace of this thread."""

    def __init__(self, number: int) -> None:
        self.kernel = NetlinkKernel()
        self.indexes = [add_link(self.kernel.host, f"bench{each}", "ifb") for each in range(number)]
        self.hardware = inspector(self.kernel, SysfsHardware("/sys"), "")
        self.looking = Looking(self.kernel, self.hardware, NetlinkRdma("/sys"))
        self.changes = Sources((NetlinkEvents(),))

    def full(self) -> list[Row]:
        """A look at everything, and its parts."""
        found = self.kernel.links()
        sight = self.looking.everywhere()
        made = devices(sight, DRIVER)
        floor = median(FULL, lambda: self.kernel.host.socket.dump(links.every(), "interfaces"))
        parts: tuple[tuple[str, Callable[[], object]], ...] = (
            ("floor: the kernel's dump of the links", lambda: None),
            ("links, decoded", self.kernel.links),
            ("what the node needs", self.kernel.uplinks),
            ("hardware facts", lambda: [self.hardware.hardware(link) for link in found]),
            ("everything, at the start", self.looking.everywhere),
            ("everything, after lost events", lambda: self.looking.everywhere(sight)),
            ("the hardware of 32 links again", lambda: self.looking.recheck(sight, self.indexes[:32])),
            ("the devices made of it", lambda: devices(sight, DRIVER)),
            ("the inventory packed for the feed", lambda: pack(_edition(made))),
            ("for comparison: pyroute2's dump of the links", _by_pyroute2),
        )
        rows = [Row(what=what, ms=median(FULL, act), floor=floor) for what, act in parts]
        return [Row(what=rows[0].what, ms=floor, floor=floor), *rows[1:]]

    def single(self) -> list[Row]:
        """One interface's MTU changes: from the kernel's answer to the new devices."""
        sight = self.looking.everywhere()
        self._drain()
        times = [self._changed(sight, round_) for round_ in range(SINGLE)]
        floor = median(SINGLE, lambda: self.kernel.link(self.indexes[0]))
        read, made = (statistics.median(column) for column in zip(*times, strict=True))
        return [
            Row(what="floor: one link asked for", ms=floor, floor=floor),
            Row(what="one change: event taken, facts read again", ms=read, floor=floor),
            Row(what="one change: devices made", ms=made, floor=floor),
        ]

    def _changed(self, sight: Sight, round_: int) -> tuple[float, float]:
        self.kernel.host.set_mtu(self.indexes[round_ % len(self.indexes)], 1000 + round_)
        fresh = [sight]

        def read() -> None:
            fresh[0] = self.looking.again(sight, self._drain())

        return timed(read) * 1000, timed(lambda: devices(fresh[0], DRIVER)) * 1000

    def _drain(self) -> Touched:
        touched = told = self.changes.wait(1.0)
        while told:
            told = self.changes.wait(0)
            touched |= told
        return touched

    def close(self) -> None:
        """Give the descriptors up; the interfaces end with the namespace."""
        self.changes.close()
        self.kernel.close()


def median(rounds: int, act: Callable[[], object]) -> float:
    """Milliseconds."""
    return statistics.median(timed(act) for _ in range(rounds)) * 1000


def _edition(made: tuple[object, ...]) -> Edition:
    return Edition(v=1, inventory=Inventory(generation=1, devices=made))  # type: ignore[arg-type]


def _by_pyroute2() -> None:
    with IPRoute() as route:
        list(route.get_links())


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else INTERFACES
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.exit(f"a network namespace of its own: {os.strerror(ctypes.get_errno())}")
    bench = Bench(number)
    print(f"{number} interfaces")
    for row in (*bench.full(), *bench.single()):
        print(row)
    bench.close()


if __name__ == "__main__":
    main()
