"""Threads that carry out commands, and the bell by which they call the thread that owns the socket.

The threads are daemons: one that hangs in the kernel must not keep a process alive that was told to stop.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

Job = Callable[[], None]


class Bell:
    """Wakes a thread that waits in poll, from any thread; an eventfd."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._open = True

    def fileno(self) -> int:
        """What to poll for reading."""
        return self._fd

    def ring(self) -> None:
        """Wake the waiter, now or when it comes to wait. Nothing happens after ``close``."""
        with self._lock:
            if self._open:
                os.eventfd_write(self._fd, 1)

    def hush(self) -> None:
        """Take note of all rings until now."""
        os.eventfd_read(self._fd)

    def close(self) -> None:
        """Give the descriptor up. Repeatable."""
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._fd)


class Pool:
    """A fixed number of threads behind a queue. Whoever offers jobs sees to it that they do not become too many."""

    def __init__(self, name: str, workers: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def offer(self, job: Job) -> None:
        """Queue a job, which must not raise."""
        self._jobs.put(job)

    def stop(self) -> int:
        """Forget the jobs that nobody has begun, and let the threads end after theirs, without waiting; how many were
        forgotten."""
        forgotten = 0
        with suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()
                forgotten += 1
        for _ in self._threads:
            self._jobs.put(None)
        return forgotten

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
