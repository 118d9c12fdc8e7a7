"""``knd watch`` as a process, and a subscriber of its feed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapters.bus.feed import FeedSubscriber
from adapters.netlink.nsfs import inside
from ports.devices import Device, Inventory
from ports.places import Places

Devices = dict[str, Device]


class Watching:
    """A watcher in the network namespace of that descriptor, or in this one, and what it tells.

    ``bound``: seconds within which anything is told.
    """

    def __init__(
        self, directory: Path, *, namespace: int | None = None, bound: float = 60.0, flags: tuple[str, ...] = ()
    ) -> None:
        self.log = directory / "log"
        self._namespace = namespace
        self._bound = bound
        self._command = [sys.executable, "-W", "error", "-m", "agent.watch", f"--runtime-dir={directory}", *flags]
        self.process = self._start()
        self.feed = FeedSubscriber(Places(str(directory)).inventory_socket)

    def until(self, holds: Callable[[Devices], bool]) -> Inventory:
        """The first inventory of which it holds, devices by name."""
        end = time.monotonic() + self._bound
        while time.monotonic() < end:
            inventory = self.feed.latest(max(0.0, end - time.monotonic()))
            if inventory and holds({device.name: device for device in inventory.devices}):
                return inventory
        raise AssertionError(f"did not come; the watcher said: {self.log.read_text()}")

    def seconds(self, act: Callable[[], object], holds: Callable[[Devices], bool]) -> float:
        """From the end of the act to the first inventory of which it holds."""
        act()
        begun = time.monotonic()
        self.until(holds)
        return time.monotonic() - begun

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal; exit status and the seconds it took."""
        start = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(self._bound), time.monotonic() - start

    def again(self) -> None:
        """Start a new process after the end of the old one."""
        self.process = self._start()

    def close(self) -> None:
        """End both."""
        self.feed.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:

            def start() -> subprocess.Popen[bytes]:
                return subprocess.Popen([*self._command, "--log-format=json"], stderr=log, stdin=subprocess.DEVNULL)

            return start() if self._namespace is None else inside(self._namespace, start)
