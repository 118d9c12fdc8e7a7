"""The NRI plugin: keeps one session with the runtime alive for as long as it runs, over restarts of the runtime.

A restart of the runtime shows as an end of file and a new socket in the old place. Pods go on meanwhile; nothing is
detached because of it. The runtime's own list, sent after each registration, tells what was missed.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time

from adapters.nri import names
from adapters.nri.guard import Guard
from adapters.nri.session import Session
from ports.frontends import RuntimeState
from ports.inbound import RuntimeHooks

log = logging.getLogger("knd.nri")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
DIAL_LIMIT = 1.0
STEADY = 5.0  # seconds after which a session that ended was a good one, and the pause begins anew
STOP_LIMIT = 1.5


class Plugin:
    """Connects, registers and serves, again and again. Nothing is dialled before ``start``."""

    def __init__(self, socket_path: str, name: str, hooks: RuntimeHooks, index: str = "00") -> None:
        self._path = socket_path
        self._name = names.plugin_name(name)
        self._index = names.plugin_index(index)
        self._hooks = hooks
        self._guard = Guard()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._detail = "not started"
        self._thread = threading.Thread(target=self._run, name="knd-nri", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the session and connect no more. A hook that still runs is left to itself."""
        self._stopping.set()
        with self._lock:
            if self._session:
                self._session.close("stopped")
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT)

    def state(self) -> RuntimeState:
        """The connection as it is now."""
        session = self._session
        return session.state if session else RuntimeState(connected=False, detail=self._detail)

    def _run(self) -> None:
        pause, dice = FIRST_PAUSE, random.Random()
        while not self._stopping.is_set():
            begun = time.monotonic()
            self._note(self._attempt())
            if time.monotonic() - begun > STEADY:
                pause = FIRST_PAUSE
            self._stopping.wait(pause * dice.uniform(0.5, 1.0))  # or many plugins would come back at one instant
            pause = min(pause * 2, LONGEST_PAUSE)

    def _attempt(self) -> str:
        try:
            sock = self._dial()
        except OSError as error:
            return f"cannot connect to {self._path}: {error.strerror or error}"
        session = Session(sock, self._name, self._index, self._hooks, self._guard)
        with self._lock:
            self._session = session
            if self._stopping.is_set():
                session.close("stopped")
        try:
            return session.serve()
        finally:
            self._session = None

    def _dial(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(DIAL_LIMIT)
            sock.connect(self._path)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return sock

    def _note(self, why: str) -> None:
        level = logging.DEBUG if why == self._detail or self._stopping.is_set() else logging.WARNING
        self._detail = why
        log.log(level, "not connected to the container runtime: %s", why)
