"""The bench of the dataplane contract with the bus in between: the real servers and clients around another bench's."""

from __future__ import annotations

import tempfile
import time

from adapters.bus.dataplane import AttachingClient, PreparingClient, serve_attaching, serve_preparing
from ports.dataplane import Dataplane
from ports.devices import Identity
from ports.places import Places
from tests.contracts.dataplane.bench import Bench
from tests.support.clock import FakeClock


class BothHalves:
    """The two clients as one ``Dataplane``."""

    def __init__(self, places: Places) -> None:
        preparing, attaching = PreparingClient(places.prepare_socket), AttachingClient(places.attach_socket)
        self.inspect, self.prepared = preparing.inspect, preparing.prepared
        self.prepare, self.unprepare = preparing.prepare, preparing.unprepare
        self.readdress, self.claims = preparing.readdress, preparing.claims
        self.attach, self.detach = attaching.attach, attaching.detach
        self.reconcile, self.held = attaching.reconcile, attaching.held


class BusBench:
    """Another bench with its dataplane behind the bus. Its clock must be ``clock``, which is set to the host's time:

    the bus compares deadlines with the real clock, and a test takes no longer than its calls have time.
    """

    def __init__(self, inner: Bench, clock: FakeClock) -> None:
        clock.advance(time.monotonic() - clock.monotonic())
        self._inner = inner
        self._directory = tempfile.TemporaryDirectory(prefix="knd-bus-")
        self._places = Places(self._directory.name)
        self.dataplane: Dataplane = BothHalves(self._places)
        self.devices: tuple[Identity, ...] = inner.devices
        self.uplink: Identity = inner.uplink
        self.host_netns: str = inner.host_netns
        self.now, self.netns, self.end = inner.now, inner.netns, inner.end
        self.occupy, self.disturb = inner.occupy, inner.disturb
        self._serve()

    def restart(self) -> None:
        """A new dataplane behind new servers on the same sockets."""
        self._stop()
        self._inner.restart()
        self._serve()

    def close(self) -> None:
        """Stop the servers and remove their directory."""
        self._stop()
        self._directory.cleanup()

    def _serve(self) -> None:
        served = self._inner.dataplane
        self._servers = (
            serve_preparing(self._places.prepare_socket, served),
            serve_attaching(self._places.attach_socket, served),
        )
        for server in self._servers:
            server.start()

    def _stop(self) -> None:
        for server in self._servers:
            server.stop()
