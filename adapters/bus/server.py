"""The answering end of the bus: one thread owns the socket, a pool carries commands out, nothing on the wire ends it.

A late command is refused and not run, a repeated one is answered and not run again, and one too many is refused at once
instead of queueing without bound. One bound is not ours to set: libzmq keeps the frames of a multipart message that a
peer never finishes until that connection ends, so what limits a hostile peer's use of memory is the container's limit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import zmq

from adapters.bus.endpoint import Endpoint
from adapters.bus.envelope import MAX_REQUEST, VERSION, Fault, Reply, Request, fault, pack, unpack
from adapters.bus.pool import Bell, Pool
from adapters.bus.replays import Replays
from adapters.bus.verbs import Route
from ports.errors import Code, Failure
from ports.telemetry import trace_id

log = logging.getLogger("knd.bus")

STOP_SECONDS = 1.0  # how long commands under way may still answer after stop
HANDSHAKE_MS = 2000
HEARTBEAT_MS = 5000
QUEUED_FRAMES = 16  # per connection, each of up to MAX_REQUEST bytes


@dataclass(frozen=True, slots=True)
class _Peer:
    """Whom to answer: the connection and the request's id."""

    connection: bytes
    id: str


_Answer = bytes | Fault


class Server:
    """Serves ``routes`` on the Unix socket ``path``. ``start`` once, ``stop`` any number of times.

    ``workers`` commands run at a time and ``backlog`` more wait; ``clock`` is CLOCK_MONOTONIC in seconds.
    """

    def __init__(
        self,
        path: str,
        routes: Iterable[Route],
        *,
        workers: int = 8,
        backlog: int = 128,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._routes = {route.verb: route for route in routes}
        self._clock = clock
        self._endpoint = Endpoint(path)
        self._pool = Pool("bus-worker", workers)
        self._most = workers + backlog
        self._replays: Replays[_Peer] = Replays()
        self._answers: deque[tuple[Request, _Answer]] = deque()
        self._under_way = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="bus-server", daemon=True)

    def start(self) -> None:
        """Bind and serve. CONFLICT: another process serves this path; ``start`` may be tried again."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        _configure(self._socket)
        try:
            self._endpoint.bind(self._socket)
        except BaseException:
            self._socket.close(linger=0)
            self._context.term()
            raise
        self._bell = Bell()
        self._pool.start()
        self._thread.start()
        log.debug("serving %s on %s", ", ".join(sorted(self._routes)), self.path)

    def stop(self) -> None:
        """Take no more commands, let those under way answer for a moment, give the path back. Repeatable."""
        if self._thread.ident is None:
            return
        self._stopping = True
        self._bell.ring()
        self._thread.join()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        try:
            while not self._stopping:
                if self._wait(poller):
                    self._take_one()
            self._drain(poller)
        finally:
            self._close()

    def _wait(self, poller: zmq.Poller, seconds: float | None = None) -> bool:
        """Send what has been answered meanwhile; whether a command has come."""
        ready = dict(poller.poll(None if seconds is None else int(seconds * 1000)))
        if self._bell.fileno() in ready:
            self._bell.hush()
        self._answer_all()
        return self._socket in ready

    def _drain(self, poller: zmq.Poller) -> None:
        self._under_way -= self._pool.stop()  # those connections just end, and their askers see it
        poller.unregister(self._socket)
        end = self._clock() + STOP_SECONDS
        while self._under_way and (left := end - self._clock()) > 0:
            self._wait(poller, left)

    def _close(self) -> None:
        # Sockets are closed by the context's own thread: only after term has returned does nobody listen any more.
        self._socket.close(linger=200)
        self._context.term()
        self._endpoint.release()
        self._bell.close()

    def _take_one(self) -> None:
        try:
            connection, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        peer = _Peer(connection, "")
        try:
            request = _request(frames)
            peer = _Peer(connection, request.id)
            self._admit(request, peer)
        except Failure as failure:
            log.warning("refused a command: %s", failure)
            self._send(peer, fault(failure))

    def _admit(self, request: Request, peer: _Peer) -> None:
        route = self._route(request.verb)
        self._refuse_late(request)
        repeated, answer = self._replays.known(request, peer, self._clock())
        if answer is not None:
            self._send(peer, answer)
        elif not repeated:
            self._begin(route, request, peer)

    def _begin(self, route: Route, request: Request, peer: _Peer) -> None:
        if self._under_way >= self._most:
            raise Failure(Code.UNAVAILABLE, self.path, "too many commands are waiting", "try again later")
        self._under_way += 1
        self._replays.begin(request, peer)
        self._pool.offer(lambda: self._carry_out(route, request))

    def _route(self, verb: str) -> Route:
        route = self._routes.get(verb)
        if route is None:
            known = ", ".join(sorted(self._routes))
            raise Failure(Code.INVALID, f"verb {verb!r}", "not served here", f"served are: {known}")
        return route

    def _refuse_late(self, request: Request) -> None:
        late = self._clock() - request.deadline
        if late >= 0:
            raise Failure(Code.DEADLINE, request.verb, f"came {late:.3f} s after its deadline and was not begun")

    def _carry_out(self, route: Route, request: Request) -> None:
        """In a worker's thread."""
        answer: _Answer
        extra = {"trace": trace_id(request.traceparent)}
        try:
            self._refuse_late(request)
            answer = route.run(request.payload, request.call)
        except Failure as failure:
            log.info("%s failed: %s", request.verb, failure, extra=extra)
            answer = fault(failure)
        except Exception:
            log.exception("%s met a defect", request.verb, extra=extra)
            answer = Fault(code=Code.INTERNAL, subject=request.verb, detail="internal error", hint="see the log")
        self._answers.append((request, answer))
        self._bell.ring()

    def _answer_all(self) -> None:
        while self._answers:
            request, answer = self._answers.popleft()
            self._under_way -= 1
            for peer in self._replays.settle(request, None if isinstance(answer, Fault) else answer):
                self._send(peer, answer)

    def _send(self, peer: _Peer, answer: _Answer) -> None:
        error = answer if isinstance(answer, Fault) else None
        result = answer if isinstance(answer, bytes) else None
        frame = pack(Reply(v=VERSION, id=peer.id, result=result, error=error))
        try:
            self._socket.send_multipart([peer.connection, frame], zmq.NOBLOCK)
        except zmq.ZMQError as failed:
            log.info("nobody takes the answer any more: %s", failed)


def _configure(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # or answers to peers that have gone vanish without a word
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * MAX_REQUEST)  # beyond: libzmq hangs up. Up to it: a reply says what is wrong
    socket.setsockopt(zmq.RCVHWM, QUEUED_FRAMES)
    socket.setsockopt(zmq.SNDHWM, QUEUED_FRAMES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.BACKLOG, 128)


def _request(frames: list[bytes]) -> Request:
    if len(frames) != 1:
        raise Failure(Code.INVALID, "command", f"{len(frames)} frames, a command has one")
    return unpack(Request, frames[0], "command", MAX_REQUEST)
