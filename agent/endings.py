"""How a process of ours is told to end, and how it gets out in time whatever still hangs.

The signals are blocked before any thread exists and waited for by name: a handler that sets an event can meet the main
thread inside that very event's lock, and then nobody ever ends. At the end the interpreter is not taken down: a call
that is stuck in a library's thread (a server that does not answer, a socket of ZeroMQ) would hold that up for ever.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

ENDINGS = (signal.SIGTERM, signal.SIGINT)


def block() -> None:
    """Keep the signals for ``wait``. Call it before any thread is started: they inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)


def wait() -> None:
    """Wait until told to end."""
    signal.sigwait(ENDINGS)


def leave() -> int:
    """End the process here and now, with status 0; everything worth keeping is on the disk by then."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
