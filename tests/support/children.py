"""Processes of a test: started by exec, their output kept, ended by their own id whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

STOP_LIMIT = 20.0


class Child:
    """A Python module run as a process; ``log`` is the file of all it says."""

    def __init__(self, log: Path, module: str, *args: str, env: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._argv = [sys.executable, "-m", module, *args]
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """All it said, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def code(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it (again)."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        assert self._process is not None
        return self._process.wait(STOP_LIMIT)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; the exit status and how many seconds it took."""
        assert self._process is not None
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self.wait(), time.monotonic() - begin

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self.wait()


@contextlib.contextmanager
def ended(*children: Child) -> Iterator[None]:
    """Whatever happens inside, none of them is left."""
    try:
        yield
    finally:
        for child in children:
            child.kill()
