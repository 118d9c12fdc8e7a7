"""The kernel wakes the watcher for what matters, and for nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from adapters.netlink.nsfs import inside
from adapters.udev.changes import KernelChanges
from ports.devices import Address, Route
from tests.netns.world import RealWorld
from tests.support.private_net import delete_link

pytestmark = pytest.mark.netns
BOUND = 10.0


@pytest.fixture
def changes(real: RealWorld) -> Iterator[KernelChanges]:
    made = inside(real.host.descriptor, KernelChanges)
    yield made
    made.close()


@pytest.fixture
def index(real: RealWorld) -> int:
    made = real.add_link("net7").identity.ifindex
    real.host.add_address(made, Address(prefix="192.0.2.5/24"))
    return made


def _settle(changes: KernelChanges) -> None:
    while changes.wait(0.3):
        pass


def test_each_kind_of_change_wakes(real: RealWorld, index: int, changes: KernelChanges) -> None:
    host = real.host
    route = Route(destination="0.0.0.0/0", gateway="192.0.2.1")
    acts: tuple[Callable[[], object], ...] = (
        lambda: host.rename(index, "net8"),
        lambda: host.set_mtu(index, 1400),
        lambda: host.set_mac(index, "02:00:00:00:00:09"),
        lambda: host.set_up(index, True),
        lambda: host.add_address(index, Address(prefix="2001:db8::5/64")),
        lambda: host.add_route(index, route),
        lambda: real.add_link("net9"),
        lambda: delete_link(host, index),
    )
    for act in acts:
        _settle(changes)
        act()
        assert changes.wait(BOUND), act


def test_a_quiet_host_wakes_nobody(index: int, changes: KernelChanges) -> None:
    _settle(changes)
    assert not changes.wait(0.5)


def test_many_changes_are_one_waking(real: RealWorld, index: int, changes: KernelChanges) -> None:
    for mtu in range(1000, 1100):
        real.host.set_mtu(index, mtu)
    assert changes.wait(BOUND)
    _settle(changes)
    assert not changes.wait(0)


def test_lost_events_wake_and_do_no_harm(
    real: RealWorld, index: int, changes: KernelChanges, caplog: pytest.LogCaptureFixture
) -> None:
    changes._network.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    caplog.set_level("INFO", "knd.udev")
    for mtu in range(1000, 1400):
        real.host.set_mtu(index, mtu)
    assert changes.wait(BOUND)
    assert "faster than they were read" in caplog.text
    _settle(changes)
    real.host.set_mtu(index, 1500)
    assert changes.wait(BOUND)


def test_another_thread_can_end_a_wait(changes: KernelChanges) -> None:
    _settle(changes)
    timer = threading.Timer(0.05, changes.wake)
    timer.start()
    assert changes.wait(60.0)
    timer.join()
