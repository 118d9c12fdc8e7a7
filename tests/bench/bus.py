"""How long a small command takes over the bus, between two processes: ``python -m tests.bench.bus [ROUNDS]``.

Also the floor: the same bytes over plain ZeroMQ with an echo that does nothing, on a fresh socket a call as the bus does.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import zmq

from adapters.bus.frontends import RuntimeLinkClient
from ports.dataplane import Call
from tests.support.bus_process import serving

ECHO = """
import sys, zmq
socket = zmq.Context().socket(zmq.ROUTER)
socket.bind(sys.argv[1])
print("serving", flush=True)
while True:
    socket.send_multipart(socket.recv_multipart())
"""


def measure(action: Callable[[int], object], rounds: int) -> str:
    """Median and 99th percentile in milliseconds."""
    times = []
    for number in range(rounds):
        begun = time.perf_counter()
        action(number)
        times.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:.3f} ms   p99 {cuts[98]:.3f} ms"


def _command(path: str) -> Callable[[int], object]:
    link = RuntimeLinkClient(path)
    return lambda number: link.state(Call(key=f"bench-{number}", deadline=time.monotonic() + 10))


def _echo(path: str) -> Callable[[int], object]:
    def ask(_: int) -> object:
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        with socket:
            socket.connect(f"ipc://{path}")
            socket.send(bytes(200))
            return socket.recv()

    return ask


def _echo_process(path: str) -> AbstractContextManager[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", ECHO, f"ipc://{path}"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory(prefix="knd-bench-") as directory:
        with _echo_process(f"{directory}/echo") as echo:
            print("echo   ", measure(_echo(f"{directory}/echo"), rounds))
            echo.kill()
        path = f"{directory}/bus/s"
        with serving(path, announce=False):
            print("command", measure(_command(path), rounds))


if __name__ == "__main__":
    main()
