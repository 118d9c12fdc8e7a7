"""The plugins of the stand-in runtime: who is connected, who is asked in which order, and who is dropped."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.status import Refusal
from adapters.standin.peer import Dropped, Peer, Terms

log = logging.getLogger("knd.standin.runtime")

Everything = Callable[[], tuple[list[nri.PodSandbox], list[nri.Container]]]


class Plugins:
    """Listens, and asks all plugins in the order of their indexes. ``everything`` is what Synchronize lists.

    ``lock`` is NRI's one lock on a node: whoever asks holds it, and Synchronize does.
    """

    def __init__(self, path: Path, terms: Terms, everything: Everything) -> None:
        self.lock = threading.RLock()
        self.dropped: tuple[str, ...] = ()
        self._path = path
        self._terms = terms
        self._everything = everything
        self._changed = threading.Condition(self.lock)
        self._peers: list[Peer] = []
        self._connections: list[Peer] = []
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; a socket left over by another run is replaced, as runtimes do."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="standin-nri", daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """Close everything without a word; the dead socket file stays."""
        with self.lock:
            listener, self._listener = self._listener, None
        if listener is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close would not
        listener.close()
        for peer in self._connections:
            peer.connection.close("the runtime stops")
        self._thread.join()

    def names(self) -> tuple[str, ...]:
        """Those that take part, as index-name, in the order in which they are asked."""
        with self.lock:
            return tuple(f"{peer.index}-{peer.name}" for peer in self._living())

    def wait(self, count: int, timeout: float) -> bool:
        """Wait until so many take part."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._living()) >= count, timeout)

    def tell(self, event: nri.Event, pod: nri.PodSandbox, container: nri.Container | None) -> str:
        """Tell every plugin in order; the first error ends it. One that is gone or silent counts as content."""
        for peer in self._living():
            try:
                peer.deliver(event, pod, container)
            except Refusal as reason:
                log.error("%s of %s/%s: %s", nri.Event.Name(event), pod.namespace, pod.name, reason)
                return reason.text
            except Dropped as dropped:
                self._lose(peer, dropped)
        return ""

    def adjust(self, pod: nri.PodSandbox, container: nri.Container) -> list[nri.ContainerAdjustment]:
        """What each plugin adjusts. ``Refusal``: one of them wants no such container."""
        return [self._adjustment(peer, pod, container) for peer in self._living()]

    def _adjustment(self, peer: Peer, pod: nri.PodSandbox, container: nri.Container) -> nri.ContainerAdjustment:
        try:
            return peer.create_container(pod, container)
        except Dropped as dropped:
            self._lose(peer, dropped)
            return nri.ContainerAdjustment()

    def _accept(self, listener: socket.socket) -> None:
        """One plugin after the other: a silent one keeps all others waiting, as in the real runtimes."""
        while True:
            try:
                sock = listener.accept()[0]
            except OSError:
                return
            peer = Peer(sock, self._terms)
            with self.lock:
                if self._listener is not listener:
                    sock.close()
                    return
                self._connections = [known for known in self._connections if not known.connection.why] + [peer]
            self._welcome(peer)

    def _welcome(self, peer: Peer) -> None:
        try:
            if not peer.register():
                return
            with self._changed:
                if peer.synchronize(*self._everything()):
                    self._peers = sorted([*self._living(), peer], key=lambda known: known.index)
                    self._changed.notify_all()
        except Dropped as dropped:
            self._lose(peer, dropped)

    def _living(self) -> list[Peer]:
        self._peers = [peer for peer in self._peers if not peer.connection.why]
        return self._peers

    def _lose(self, peer: Peer, why: Dropped) -> None:
        log.error("plugin dropped: %s", why)
        with self.lock:
            self.dropped = (*self.dropped, str(why))
            self._peers = [known for known in self._peers if known is not peer]
