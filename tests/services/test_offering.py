"""When the kubelet may find the driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from agent.services.offering import Offering, Peers
from ports.errors import Code, Failure
from tests.services.support import FakeRuntimeLink
from tests.support.clock import FakeClock
from tests.support.dataplane import FakeDataplane

AWAY = Failure(Code.UNAVAILABLE, "knd nri", "cannot be reached")


class FakePlugin:
    """Registers when it is told to and the kubelet comes."""

    def __init__(self) -> None:
        self.registered = False
        self.error = ""
        self.offered = 0
        self.refusals: list[Failure] = []

    def register(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.offered += 1


class Bench:
    """An offering on fakes, its loop running."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.runtime = FakeRuntimeLink()
        self.dataplane = FakeDataplane(self.clock)
        self.plugin = FakePlugin()
        self.peers = Peers(self.dataplane, self.runtime, self.clock)
        self.offering = Offering(self.plugin, self.peers)
        self.thread = threading.Thread(target=self.offering.run, daemon=True)

    def stop(self) -> None:
        self.offering.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def test_the_driver_is_offered_once_the_runtime_is_connected() -> None:
    bench = Bench()
    bench.runtime.connected = False
    bench.runtime.away = [AWAY]
    assert bench.offering.problem() == "not offered to the kubelet yet"
    bench.thread.start()
    eventually(lambda: bench.runtime.asked >= 2)
    assert bench.plugin.offered == 0
    assert "not offered to the kubelet: " in bench.offering.problem()
    bench.runtime.connected = True
    eventually(lambda: bench.plugin.offered == 1)
    bench.thread.join(10)
    assert bench.offering.problem() == "offered to the kubelet, which has not come yet"
    bench.plugin.error = "no"
    assert bench.offering.problem() == "no"
    bench.plugin.registered = True
    assert bench.offering.problem() == ""


def test_an_offer_that_fails_is_made_again() -> None:
    bench = Bench()
    bench.plugin.refusals = [Failure(Code.UNAVAILABLE, "/var/lib/kubelet", "no such directory")]
    bench.thread.start()
    eventually(lambda: bench.plugin.offered == 1)
    bench.stop()


def test_a_stop_ends_the_waiting_at_once() -> None:
    bench = Bench()
    bench.runtime.connected = False
    bench.thread.start()
    eventually(lambda: bench.runtime.asked > 0)
    bench.stop()
    assert bench.plugin.offered == 0


def test_peers_tell_what_is_wrong_with_them() -> None:
    bench = Bench()
    assert (bench.peers.runtime_problem(), bench.peers.dataplane_problem()) == ("", "")
    bench.runtime.connected = False
    bench.dataplane.faults.down = True
    assert bench.peers.runtime_problem() == "the container runtime is not connected: no socket"
    assert "does not answer" in bench.peers.dataplane_problem()
