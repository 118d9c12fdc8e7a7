"""What health is judged by, from real drivers: RDMA ports that follow a carrier, in the host and in a pod; PCI events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.netlink.heldevents import HeldLinkEvents
from adapters.rdma.control import NetlinkRdma
from adapters.sysfs.errors import SysfsErrors
from ports.heldfeed import EVERY, HeldState
from ports.vitals import Vitals
from tests.support.eventually import eventually
from tests.vm.scenarios import rdma
from tests.vm.scenarios.cards import PCI
from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip

pytestmark = pytest.mark.vm
NEAR, FAR, SOFT = "kndnear", "kndfar", "rxe7"
CARD = "0000:41:00.0"


@pytest.fixture
def exclusive() -> None:
    """Asked for before any namespace is made: the kernel allows it only then."""
    rdma.make_exclusive()


@pytest.fixture
def events() -> Iterator[HeldLinkEvents]:
    """Asked for before the host, whose worker tells it of namespaces until its own end."""
    with closing(HeldLinkEvents()) as made:
        yield made


@pytest.fixture
def cable() -> Iterator[str]:
    """An interface with an RDMA device upon it, whose other end can be set down."""
    ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
    try:
        ip("link", "set", FAR, "up")
        ip("link", "set", NEAR, "up")
        with rdma.rxe(SOFT, NEAR):
            yield NEAR
    finally:
        ip("link", "delete", FAR)


class Watched:
    """The devices in pods as the worker tells of them."""

    def __init__(self, host: Host, events: HeldLinkEvents) -> None:
        self._events = events
        self._vitals = host.worker.vitals(events, self)
        self._newest = HeldState(beat=0)

    def publish(self, state: HeldState) -> None:
        self._newest = state

    def now(self) -> Vitals | None:
        """What is told of the one device after the next event."""
        self._vitals.look(self._events.wait(1.0))
        return next((device.vitals for device in self._newest.devices), None)


def states() -> tuple[str, ...]:
    """Of the port, as the watcher reads it."""
    return tuple(port.state for found in NetlinkRdma().devices(()) for port in found.facts.ports)


def test_a_port_follows_the_carrier_in_the_host(cable: str) -> None:
    eventually(lambda: states() == ("active",), seconds=60)
    ip("link", "set", FAR, "down")
    eventually(lambda: states() == ("down",), seconds=60)
    ip("link", "set", FAR, "up")
    eventually(lambda: states() == ("active",), seconds=60)


@pytest.mark.movable_rdma
def test_a_port_follows_the_carrier_in_a_pod_and_the_dataplane_hears_of_it(
    exclusive: None, events: HeldLinkEvents, host: Host, new_pod: Pod, cable: str
) -> None:
    watched = Watched(host, events)
    host.give(new_pod, cable, {"interface": {"name": "net1", "addresses": ["192.0.2.1/24"]}})
    eventually(lambda: is_well(watched.now()), seconds=60)
    ip("link", "set", FAR, "down")
    eventually(lambda: is_ill(watched.now()), seconds=60)
    ip("link", "set", FAR, "up")
    eventually(lambda: is_well(watched.now()), seconds=60)
    assert host.take_back(new_pod) == ()
    eventually(lambda: watched.now() is None, seconds=60)


def is_well(seen: Vitals | None) -> bool:
    return seen is not None and (seen.up, seen.carrier, seen.idle_ports) == (True, True, ())


def is_ill(seen: Vitals | None) -> bool:
    return seen is not None and (seen.up, seen.carrier, seen.idle_ports) == (True, False, (f"{SOFT} port 1 is down",))


def test_what_the_kernel_says_of_pci_functions_is_heard(events: HeldLinkEvents) -> None:
    events.wait(0)
    Path(PCI / CARD / "uevent").write_text("change")
    assert any(EVERY in events.wait(1.0) for _ in range(60))


def test_errors_of_a_function_are_counted_where_the_kernel_counts_them() -> None:
    counted = (PCI / CARD / "aer_dev_fatal").exists()
    assert SysfsErrors().of(CARD) == ((0, 0) if counted else ())
