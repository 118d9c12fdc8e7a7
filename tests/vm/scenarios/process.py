"""The real process ``python -m dataplane`` on the guest's own namespace."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.bus.dataplane import AttachingClient, PreparingClient
from ports.dataplane import Call
from ports.errors import Failure
from ports.places import Places

SECONDS = 120.0


class Dataplane:
    """The process, which can be killed and started again on the same files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        places = Places(str(directory / "run"))
        self.preparing = PreparingClient(places.prepare_socket)
        self.attaching = AttachingClient(places.attach_socket)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        flags = [f"--runtime-dir={self._directory}/run", f"--cdi-root={self._directory}/cdi"]
        with (self._directory / "output").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "dataplane", *flags], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._processes.append(process)
        end = time.monotonic() + SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"it does not serve: {(self._directory / 'output').read_text()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """End it as ``kill -9`` does. Repeatable."""
        process = self._processes[-1]
        process.kill()
        process.wait()

    def call(self, seconds: float = SECONDS) -> Call:
        """A command of its own."""
        return Call(key=os.urandom(8).hex(), deadline=time.monotonic() + seconds)

    def _answers(self) -> bool:
        try:
            self.attaching.held(self.call(2.0))
        except Failure:
            return False
        return True


@contextmanager
def dataplane() -> Iterator[Dataplane]:
    """One that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="knd-") as directory:
        started = Dataplane(Path(directory))
        try:
            yield started
        finally:
            started.kill()
