"""A bus server as a process of its own, for tests that kill it: answers ``state`` after a given delay."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.bus.frontends import serve_runtime_link
from ports.dataplane import Call
from ports.frontends import RuntimeState


class _SlowLink:
    def __init__(self, delay: float, runtime: str, announce: bool) -> None:
        self._delay = delay
        self._runtime = runtime
        self._announce = announce

    def compare(self, call: Call) -> None:
        """Nothing to compare."""

    def state(self, call: Call) -> RuntimeState:
        if self._announce:
            print(f"asked {call.key}", flush=True)
        time.sleep(self._delay)
        return RuntimeState(connected=True, runtime=self._runtime)


@contextmanager
def serving(
    path: str, *, delay: float = 0.0, runtime: str = "first", announce: bool = True
) -> Iterator[subprocess.Popen[str]]:
    """The process, once it serves; killed at the end. Each command it begins is a line ``asked KEY`` of its output."""
    argv = [sys.executable, "-m", "tests.support.bus_process", path, str(delay), runtime, "asked" if announce else ""]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "serving\n"
            yield process
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    path, delay, runtime, announce = sys.argv[1:]
    serve_runtime_link(path, _SlowLink(float(delay), runtime, bool(announce))).start()
    print("serving", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
