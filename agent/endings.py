"""How a process of ours is told to end, and how it gets out in time whatever still hangs.

The signals are blocked before any other thread exists and waited for by a thread of their own: a handler that sets an event
can meet the main thread inside that very event's lock, and then nobody ever ends. From the signal on the kernel's alarm
clock runs, which ends a process that is stuck in its start, in a lock of its log, or in a library that holds the interpreter.
At the end the interpreter is not taken down: a call that is stuck in a library's thread would hold that up for ever.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

ENDINGS = (signal.SIGTERM, signal.SIGINT)
LAST = 5  # seconds from the signal to the end, whatever happens
_told = threading.Event()


def block() -> None:
    """Keep the signals for ``wait``. Call it before any thread is started: they inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    threading.Thread(target=_listen, name="endings", daemon=True).start()


def wait() -> None:
    """Wait until told to end."""
    _told.wait()


def leave() -> int:
    """End the process here and now, with status 0; everything worth keeping is on the disk by then."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _listen() -> None:
    signal.sigwait(ENDINGS)
    signal.alarm(LAST)  # nobody handles it: the kernel ends the process
    _told.set()
