"""The asking end of the bus: a fresh socket a call, an answer by the deadline or a failure that says who is away.

ZeroMQ would queue a command for a peer that is not there and deliver it whenever one comes; here nothing is sent before
the connection stands, and a connection that breaks before the answer is noticed at once. Then the command is sent once
more with the same key, which the server answers without carrying it out twice.
"""

from __future__ import annotations

import logging
import os
import socket as plain_socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import zmq

from adapters.bus.envelope import MAX_REPLY, VERSION, Reply, Request, pack, unpack
from adapters.bus.verbs import Verb
from ports.dataplane import Call
from ports.errors import Code, Failure

log = logging.getLogger("knd.bus")

P = TypeVar("P")
R = TypeVar("R")

CONNECT_SLICE = 0.02  # seconds until we ask the system whether anybody listens; doubled each time
REPLY_SLICE = 0.05  # seconds between looks at whether the connection still stands
RETURN_SECONDS = 3.0  # how long a peer that broke off may take to come back


class _BrokenOff(Exception):
    """The connection ended after the command was sent and before its answer came."""


class Client:
    """Asks the process that serves ``path``; ``peer`` names it for people. Safe for any number of threads."""

    def __init__(self, path: str, peer: str) -> None:
        self.path = path
        self.peer = peer

    def ask(self, verb: Verb[P, R], payload: P, call: Call) -> R:
        """The answer, or a Failure: the server's own, UNAVAILABLE when it is away, DEADLINE when time ran out."""
        request = Request(
            v=VERSION,
            verb=verb.name,
            id=os.urandom(8).hex(),
            key=call.key,
            deadline=call.deadline,
            traceparent=call.traceparent,
            payload=verb.question(payload),
        )
        reply = self._reply(request)
        if reply.error is not None:
            raise reply.error.failure
        return verb.answer(reply.result or b"")

    def _reply(self, request: Request) -> Reply:
        frame = pack(request)
        try:
            data = self._exchange(frame, request, patience=0.0)
        except _BrokenOff:
            log.info("%s broke off before it answered %s; asking once more", self.peer, request.verb)
            try:
                data = self._exchange(frame, request, patience=RETURN_SECONDS)
            except _BrokenOff:
                raise self._away("broke off twice before it answered") from None
        reply = unpack(Reply, data, f"reply of {self.peer}", MAX_REPLY)
        if reply.id != request.id and not (reply.error and not reply.id):
            raise Failure(Code.INTERNAL, self.peer, "answered another command")
        return reply

    def _exchange(self, frame: bytes, request: Request, patience: float) -> bytes:
        with self._connected(request, patience) as socket:
            try:
                socket.send(frame, zmq.NOBLOCK)
            except zmq.Again:
                raise _BrokenOff from None
            while True:
                left = self._left(request)
                socket.poll(_ms(min(REPLY_SLICE, left)), zmq.POLLIN)
                events = int(socket.getsockopt(zmq.EVENTS))
                if events & zmq.POLLIN:
                    return b"".join(socket.recv_multipart())
                if not events & zmq.POLLOUT:
                    raise _BrokenOff

    @contextmanager
    def _connected(self, request: Request, patience: float) -> Iterator[zmq.Socket[bytes]]:
        patient_until = time.monotonic() + patience
        wait = CONNECT_SLICE
        while True:
            with self._socket() as socket:
                if socket.poll(_ms(min(wait, self._left(request))), zmq.POLLOUT):
                    yield socket
                    return
            reason = self._absent()
            if reason and time.monotonic() >= patient_until:
                raise self._away(reason)
            wait = CONNECT_SLICE if reason else 2 * wait

    @contextmanager
    def _socket(self) -> Iterator[zmq.Socket[bytes]]:
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        with socket:
            _configure(socket)
            socket.connect(f"ipc://{self.path}")
            yield socket

    def _left(self, request: Request) -> float:
        left = request.deadline - time.monotonic()
        if left <= 0:
            raise Failure(Code.DEADLINE, self.peer, f"did not answer {request.verb} in time", "try again")
        return left

    def _absent(self) -> str:
        """Why nobody can be reached at the path, or nothing when somebody listens."""
        with plain_socket.socket(plain_socket.AF_UNIX, plain_socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self.path)
            except BlockingIOError:
                return ""  # its backlog is full: somebody is there
            except OSError as error:
                return os.strerror(error.errno or 0)
        return ""

    def _away(self, reason: str) -> Failure:
        hint = f"is {self.peer} running, with the same --runtime-dir?"
        return Failure(Code.UNAVAILABLE, self.peer, f"cannot be reached at {self.path}: {reason}", hint)


def _configure(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is queued for a peer that is not there
    socket.setsockopt(zmq.RECONNECT_IVL, -1)  # a broken connection stays broken, so that it is seen
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY)


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
