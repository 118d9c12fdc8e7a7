"""The way of a state that changes to whoever needs it: the newest wins, and a late subscriber gets it at once.

The watcher's inventory goes to the DRA frontend this way, and the dataplane's word on devices in pods.

The publisher is an XPUB, because that sees each subscription and can answer it with the present state; a plain PUB
cannot. A subscriber that does not keep up is never left with an old state as its last: what could not be handed
over is offered again, in its newest form, until it is taken.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import zmq

from adapters.bus.endpoint import Endpoint
from adapters.bus.envelope import MAX_REPLY, VERSION, pack, unpack
from adapters.bus.pool import Bell
from ports.devices import Inventory
from ports.errors import Failure
from ports.heldfeed import HeldState

T = TypeVar("T")
log = logging.getLogger("knd.bus")

AGAIN_MS = 100
QUEUED_FRAMES = 2
RECONNECT_MS = 50
RECONNECT_MAX_MS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """One frame of the feed."""

    v: Literal[1]
    inventory: Inventory


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldEdition:
    """One frame of the feed of devices in pods."""

    v: Literal[1]
    held: HeldState


class Publisher(Generic[T]):
    """A feed on the Unix socket ``path``. ``publish`` may be called before ``start`` and from any thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._endpoint = Endpoint(path)
        self._newest: bytes | None = None
        self._due = False
        self._stopping = False
        self._bell = Bell()
        self._thread = threading.Thread(target=self._serve, name="feed-publisher", daemon=True)

    def start(self) -> None:
        """Bind and serve. CONFLICT: another process serves this path; ``start`` may be tried again."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # each subscription is seen, not only the first of its kind
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._socket.setsockopt(zmq.SNDHWM, QUEUED_FRAMES)
        self._socket.setsockopt(zmq.RCVHWM, QUEUED_FRAMES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, 1024)  # subscriptions are small
        try:
            self._endpoint.bind(self._socket)
        except BaseException:
            self._hang_up()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Give the path back. Repeatable."""
        if self._thread.ident is None:
            return
        self._stopping = True
        self._bell.ring()
        self._thread.join()

    def publish(self, state: T) -> None:
        """Offer the newest state; an older one that nobody took is dropped."""
        self._newest = self._packed(state)
        self._bell.ring()

    def _packed(self, state: T) -> bytes:
        raise NotImplementedError

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        try:
            while not self._stopping:
                ready = dict(poller.poll(AGAIN_MS if self._due else None))
                if self._bell.fileno() in ready:
                    self._bell.hush()
                    self._due = True
                if self._socket in ready:
                    self._due |= self._subscribed()
                if self._due:
                    self._offer()
        finally:
            self._hang_up()
            self._endpoint.release()
            self._bell.close()

    def _subscribed(self) -> bool:
        try:
            return self._socket.recv_multipart(zmq.NOBLOCK)[0][:1] == b"\x01"
        except zmq.Again:
            return False

    def _offer(self) -> None:
        newest = self._newest
        try:
            if newest is not None:
                self._socket.send(newest, zmq.NOBLOCK)
            self._due = False
        except zmq.Again:
            self._due = True

    def _hang_up(self) -> None:
        self._socket.close(linger=0)
        self._context.term()  # only now does nobody listen any more


class FeedPublisher(Publisher[Inventory]):
    """``InventorySink``."""

    def _packed(self, state: Inventory) -> bytes:
        return pack(Edition(v=VERSION, inventory=state))


class HeldPublisher(Publisher[HeldState]):
    """``HeldSink``."""

    def _packed(self, state: HeldState) -> bytes:
        return pack(HeldEdition(v=VERSION, held=state))


class Subscriber(Generic[T]):
    """A feed from the Unix socket ``path``; comes back by itself when the publisher was away."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._bell = Bell()
        self._closing = False
        self._last: bytes | None = None
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt(zmq.CONFLATE, 1)  # keeps the newest frame only
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_REPLY)
        self._socket.subscribe(b"")
        self._socket.connect(f"ipc://{path}")

    def latest(self, timeout: float) -> T | None:
        """The newest state not yet taken, waiting for one; None when none came, and when the subscription ends meanwhile."""
        end = time.monotonic() + timeout
        with self._lock:
            while not self._closing and self._arrived(max(0.0, end - time.monotonic())):
                state = self._take(self._socket.recv())
                if state is not None:
                    return state
        return None

    def close(self) -> None:
        """End the subscription, and a ``latest`` under way. Repeatable."""
        self._closing = True
        self._bell.ring()
        with self._lock:
            self._socket.close()
            self._bell.close()

    def _arrived(self, seconds: float) -> bool:
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        return self._socket in dict(poller.poll(int(seconds * 1000)))

    def _take(self, frame: bytes) -> T | None:
        if frame == self._last:
            return None  # sent again for the sake of another subscriber
        try:
            state = self._unpacked(frame)
        except Failure as failure:
            log.warning("ignored a frame of the feed: %s", failure)
            return None
        self._last = frame
        return state

    def _unpacked(self, frame: bytes) -> T:
        raise NotImplementedError


class FeedSubscriber(Subscriber[Inventory]):
    """``InventorySource``."""

    def _unpacked(self, frame: bytes) -> Inventory:
        return unpack(Edition, frame, "inventory", MAX_REPLY).inventory


class HeldSubscriber(Subscriber[HeldState]):
    """``HeldSource``."""

    def _unpacked(self, frame: bytes) -> HeldState:
        return unpack(HeldEdition, frame, "held devices", MAX_REPLY).held
