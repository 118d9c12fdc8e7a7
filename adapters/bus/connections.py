"""Connections to one peer, as ZeroMQ sockets: made, kept for the next call, and thrown away at the first doubt."""

from __future__ import annotations

import os
import socket as plain_socket
import time
import weakref
from collections import deque
from collections.abc import Callable

import zmq

from adapters.bus.envelope import MAX_REPLY

CONNECT_SLICE = 0.02  # seconds until we ask the system whether anybody listens; doubled each time
MOST_IDLE = 2  # connections that are kept for later calls


class Absent(Exception):
    """Nobody listens at the path; the text says why."""


class Connections:
    """Those to the socket at ``path``. Safe for any number of threads; each connection is one thread's at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: deque[zmq.Socket[bytes]] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def keep(self, socket: zmq.Socket[bytes]) -> None:
        """Keep it for a later call, or close it when there are enough. Only for one that owes nobody an answer."""
        if len(self._idle) < MOST_IDLE:
            self._idle.append(socket)
        else:
            socket.close()

    def kept(self) -> zmq.Socket[bytes] | None:
        """A connection of an earlier call that still stands and has nothing to say."""
        while self._idle:
            try:
                socket = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            if int(socket.getsockopt(zmq.EVENTS)) == zmq.POLLOUT:
                return socket
            socket.close()
        return None

    def fresh(self, left: Callable[[], float], patience: float) -> zmq.Socket[bytes]:
        """A new connection that stands. ``left`` is asked for the seconds left, and raises when there are none.

        ``Absent`` when nobody listens, after so many seconds of patience.
        """
        patient_until = time.monotonic() + patience
        wait = CONNECT_SLICE
        while True:
            socket = self._socket()
            try:
                if socket.poll(ms(min(wait, left())), zmq.POLLOUT):
                    return socket
            except BaseException:
                socket.close()
                raise
            socket.close()
            reason = self._absent()
            if reason and time.monotonic() >= patient_until:
                raise Absent(reason)
            wait = CONNECT_SLICE if reason else 2 * wait

    def _socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        _configure(socket)
        socket.connect(f"ipc://{self._path}")
        return socket

    def _absent(self) -> str:
        """Why nobody can be reached at the path, or nothing when somebody listens."""
        with plain_socket.socket(plain_socket.AF_UNIX, plain_socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self._path)
            except BlockingIOError:
                return ""  # its backlog is full: somebody is there
            except OSError as error:
                return os.strerror(error.errno or 0)
        return ""


def _close_all(idle: deque[zmq.Socket[bytes]]) -> None:
    while idle:
        idle.pop().close()


def _configure(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there
    socket.setsockopt(zmq.RECONNECT_IVL, -1)  # a broken connection stays broken, so that it is seen
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY)


def ms(seconds: float) -> int:
    """As poll wants them; never nothing at all."""
    return max(1, int(seconds * 1000))
