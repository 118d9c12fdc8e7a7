"""``knd watch`` as a process: what changes in the kernel arrives at a subscriber of its feed."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports.devices import Address, Route
from tests.netns.world import RealWorld
from tests.support.private_net import delete_link
from tests.support.watching import Watching

pytestmark = pytest.mark.netns


@pytest.fixture
def watching(real: RealWorld) -> Iterator[Watching]:
    with tempfile.TemporaryDirectory(prefix="knd-watch-") as directory:
        made = Watching(Path(directory), namespace=real.host.descriptor)
        yield made
        made.close()


def test_what_happens_to_a_link_is_published(real: RealWorld, watching: Watching) -> None:
    watching.until(lambda devices: not devices)
    index = real.add_link("net7").identity.ifindex
    watching.until(lambda devices: "net7" in devices)
    real.host.set_mtu(index, 1400)
    watching.until(lambda devices: devices["net7"].attributes["dra.net/mtu"] == 1400)
    real.host.set_up(index, True)
    watching.until(lambda devices: devices["net7"].attributes["dra.net/state"] == "up")
    real.host.rename(index, "net8")
    inventory = watching.until(lambda devices: "net8" in devices and "net7" not in devices)
    assert inventory.devices[0].identity.ifindex == index
    assert inventory.devices[0].attributes["dra.net/virtual"] is True
    delete_link(real.host, index)
    watching.until(lambda devices: not devices)


def test_a_link_that_becomes_an_uplink_is_no_longer_offered(real: RealWorld, watching: Watching) -> None:
    index = real.add_link("net7").identity.ifindex
    real.host.add_address(index, Address(prefix="192.0.2.5/24"))
    real.host.set_up(index, True)
    watching.until(lambda devices: "net7" in devices)
    real.host.add_route(index, Route(destination="0.0.0.0/0", gateway="192.0.2.1"))
    watching.until(lambda devices: not devices)


def test_a_link_that_goes_to_a_pod_and_back_goes_and_comes(real: RealWorld, watching: Watching) -> None:
    index = real.add_link("net7").identity.ifindex
    first = watching.until(lambda devices: "net7" in devices)
    pod = real.kernel.open(real.add_namespace())
    there = real.host.move(index, pod, "net1")
    watching.until(lambda devices: not devices)
    pod.move(there.identity.ifindex, real.host, "net7")
    pod.close()
    last = watching.until(lambda devices: "net7" in devices)
    assert last.devices == first.devices
    assert last.generation > first.generation


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_told(watching: Watching, number: signal.Signals) -> None:
    watching.until(lambda devices: not devices)
    status, seconds = watching.end(number)
    assert status == 0
    assert seconds < 2.0
    assert all(json.loads(line)["level"] == "info" for line in watching.log.read_text().splitlines())


def test_a_new_process_tells_the_subscriber_again(real: RealWorld, watching: Watching) -> None:
    real.add_link("net7")
    watching.until(lambda devices: "net7" in devices)
    watching.process.kill()
    watching.process.wait()
    real.add_link("net8")
    watching.again()
    watching.until(lambda devices: devices.keys() == {"net7", "net8"})


def test_it_sleeps_while_nothing_happens(real: RealWorld, watching: Watching) -> None:
    real.add_link("net7")
    watching.until(lambda devices: "net7" in devices)
    time.sleep(0.5)
    before = _switches(watching.process.pid)
    time.sleep(2.0)
    assert _switches(watching.process.pid) - before <= 1


def _switches(pid: int) -> int:
    """How often the main thread of a process gave the processor up by itself: once for each sleep."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))
    return int(line.split()[1])
