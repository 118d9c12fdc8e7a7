"""The asking end of the bus: an answer by the deadline, or a failure that says who is away.

ZeroMQ would queue a command for a peer that is not there and deliver it whenever one comes; here nothing is sent before
the connection stands, and a connection that breaks before the answer is noticed at once. Then the command is sent once
more with the same key, which the server answers without carrying it out twice.

A connection serves one call at a time and is kept for the next one only after the very answer that was asked for has
come: whatever was given up, broke off or went wrong is closed, so that no late answer can meet another question.
"""

from __future__ import annotations

import logging
import os
import time
from typing import TypeVar

import zmq

from adapters.bus.connections import Absent, Connections, ms
from adapters.bus.envelope import MAX_REPLY, VERSION, Reply, Request, pack, unpack
from adapters.bus.verbs import Verb
from ports.dataplane import Call
from ports.errors import Code, Failure

log = logging.getLogger("knd.bus")

P = TypeVar("P")
R = TypeVar("R")

REPLY_SLICE = 0.05  # seconds between looks at whether the connection still stands
RETURN_SECONDS = 3.0  # how long a peer that broke off may take to come back


class _BrokenOff(Exception):
    """The connection ended after the command was sent and before its answer came."""


class Client:
    """Asks the process that serves ``path``; ``peer`` names it for people. Safe for any number of threads."""

    def __init__(self, path: str, peer: str) -> None:
        self.path = path
        self.peer = peer
        self._connections = Connections(path)

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
        kept = self._connections.kept()
        try:
            return self._ask_on(kept or self._fresh(request, patience=0.0), frame, request)
        except _BrokenOff:
            log.info("%s broke off before it answered %s; asking once more", self.peer, request.verb)
        try:
            return self._ask_on(self._fresh(request, patience=RETURN_SECONDS), frame, request)
        except _BrokenOff:
            raise self._away("broke off twice before it answered") from None

    def _ask_on(self, socket: zmq.Socket[bytes], frame: bytes, request: Request) -> Reply:
        """One question on a connection, which is kept after its answer and closed after anything else."""
        try:
            reply = unpack(Reply, self._exchange(socket, frame, request), f"reply of {self.peer}", MAX_REPLY)
            if reply.id != request.id and not (reply.error and not reply.id):
                raise Failure(Code.INTERNAL, self.peer, "answered another command")
        except BaseException:
            socket.close()
            raise
        self._connections.keep(socket)
        return reply

    def _fresh(self, request: Request, patience: float) -> zmq.Socket[bytes]:
        try:
            return self._connections.fresh(lambda: self._left(request), patience)
        except Absent as absent:
            raise self._away(str(absent)) from None

    def _exchange(self, socket: zmq.Socket[bytes], frame: bytes, request: Request) -> bytes:
        self._left(request)
        try:
            socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            raise _BrokenOff from None
        while True:
            left = self._left(request)
            socket.poll(ms(min(REPLY_SLICE, left)), zmq.POLLIN)
            events = int(socket.getsockopt(zmq.EVENTS))
            if events & zmq.POLLIN:
                return b"".join(socket.recv_multipart())
            if not events & zmq.POLLOUT:
                raise _BrokenOff

    def _left(self, request: Request) -> float:
        left = request.deadline - time.monotonic()
        if left <= 0:
            raise Failure(Code.DEADLINE, self.peer, f"did not answer {request.verb} in time", "try again")
        return left

    def _away(self, reason: str) -> Failure:
        hint = f"is {self.peer} running, with the same --runtime-dir?"
        return Failure(Code.UNAVAILABLE, self.peer, f"cannot be reached at {self.path}: {reason}", hint)
