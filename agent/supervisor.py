"""Runs child processes, restarts one that dies, and takes all of them along when it ends. One thread, no fork hooks."""

from __future__ import annotations

import logging
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

log = logging.getLogger("knd.up")

FIRST_DELAY = 0.2
LONGEST_DELAY = 15.0
STEADY_SECONDS = 30.0
STOP_SECONDS = 2.0
BAD_FLAGS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """A process to keep running."""

    name: str
    argv: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class Backoff:
    """How long to wait before a restart, in seconds: doubling with jitter, from the start again after a steady run."""

    spread: Callable[[float, float], float] = random.uniform
    failures: int = 0

    def delay(self, ran: float) -> float:
        """The wait after a process that died ``ran`` seconds after it was started."""
        self.failures = 0 if ran >= STEADY_SECONDS else self.failures
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self.failures, 16))
        self.failures += 1
        return self.spread(longest / 2, longest)


@dataclass(kw_only=True, slots=True)
class _Seat:
    """A child's place: its process while it runs, and when it is due to be started while it does not."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """Keeps ``children`` running, started in their order."""

    def __init__(self, children: tuple[Child, ...]) -> None:
        self._seats = [_Seat(child=child) for child in children]

    def run(self) -> int:
        """Until SIGTERM or SIGINT (status 0), or until a child refuses its flags (status 2). For the main thread."""
        with _signals() as wakes:
            try:
                return self._supervise(wakes)
            finally:
                self._stop(signal.SIGTERM)

    def _supervise(self, wakes: socket.socket) -> int:
        while True:
            self._start_due()
            received = _wait(wakes, min((seat.due for seat in self._seats if not seat.process), default=None))
            for number in received & {signal.SIGTERM, signal.SIGINT}:
                self._stop(signal.Signals(number))
                return 0
            if any(self._gone(seat) == BAD_FLAGS for seat in self._seats):
                return BAD_FLAGS

    def _start_due(self) -> None:
        for seat in self._seats:
            if seat.process is None and seat.due <= time.monotonic():
                seat.started = time.monotonic()
                try:
                    # Its own group: Ctrl-C at a terminal reaches us alone, and we pass it on once.
                    seat.process = subprocess.Popen(seat.child.argv, stdin=subprocess.DEVNULL, process_group=0)
                    log.info("started %s", seat.child.name, extra={"pid": seat.process.pid})
                except OSError as error:
                    self._put_off(seat, f"could not be started: {error}")

    def _gone(self, seat: _Seat) -> int | None:
        """The status of a child that has ended meanwhile; it is due again after its back-off."""
        status = seat.process.poll() if seat.process else None
        if status is None:
            return None
        seat.process = None
        if status == BAD_FLAGS:
            log.error("%s refused its flags; ending", seat.child.name)
        else:
            self._put_off(seat, f"ended ({_words(status)})")
        return status

    def _put_off(self, seat: _Seat, reason: str) -> None:
        delay = seat.backoff.delay(time.monotonic() - seat.started)
        seat.due = time.monotonic() + delay
        log.warning("%s %s; again in %.1f s", seat.child.name, reason, delay)

    def _stop(self, number: signal.Signals) -> None:
        running = [seat.process for seat in self._seats if seat.process]
        for process in running:
            process.send_signal(number)
        end = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %d did not stop within %.0f s; killed", process.pid, STOP_SECONDS)
                process.kill()
                process.wait()
        for seat in self._seats:
            seat.process = None


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket from which the numbers of received signals can be read, one byte each."""
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        try:
            yield reader
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)


def _wait(wakes: socket.socket, due: float | None) -> set[int]:
    """The signals received until one comes or it is ``due`` (a time of CLOCK_MONOTONIC)."""
    timeout = None if due is None else max(0.0, due - time.monotonic())
    if not select.select([wakes], [], [], timeout)[0]:
        return set()
    return set(wakes.recv(4096))


def _words(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
