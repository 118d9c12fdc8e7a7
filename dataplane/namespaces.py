"""The pods' namespaces that are held open: from attach to detach, one for each sandbox, and closed for certain after it.

An open namespace outlives the pod's processes and the runtime's bind mount, so a device can be taken out of it however
the pod ended; that is also why a forgotten one would keep a dead pod's namespace for ever.
"""

from __future__ import annotations

import threading
from typing import Protocol

from ports.errors import Code, Failure
from ports.kernel import Kernel, Namespace
from ports.ledger import PodRecord

GONE = frozenset({Code.NOT_FOUND, Code.REFUSED})


class Watched(Protocol):
    """Who wants to know which namespaces are held (``ports.heldfeed.HeldEvents``)."""

    def touch(self, sandbox: str) -> None:
        """This one is held now."""
        ...

    def leave(self, sandbox: str) -> None:
        """This one is about to be closed."""
        ...


class Unwatched:
    """Nobody."""

    def touch(self, sandbox: str) -> None:
        """Nothing."""

    def leave(self, sandbox: str) -> None:
        """Nothing."""


class Namespaces:
    """Open namespaces by sandbox id."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._open: dict[str, Namespace] = {}
        self._pods: dict[str, str] = {}
        self._lock = threading.Lock()
        self._watched: Watched = Unwatched()

    def tell(self, watched: Watched) -> None:
        """Tell this one of every namespace that is held or given up from now on."""
        self._watched = watched

    def pods(self) -> dict[str, str]:
        """The pod UID of each sandbox whose namespace is held."""
        with self._lock:
            return dict(self._pods)

    def at(self, sandbox: str) -> Namespace | None:
        """The namespace if it is held; it is never opened for this, for nobody would close it again."""
        with self._lock:
            return self._open.get(sandbox)

    def enter(self, sandbox: str, path: str, pod_uid: str) -> Namespace:
        """Open the namespace of a sandbox that is to be attached, and hold it."""
        namespace = self._kernel.open(path)
        self._hold(sandbox, pod_uid, namespace)
        return namespace

    def of(self, record: PodRecord) -> Namespace | None:
        """The namespace of an attachment: the held one, or the one at its path if that still is the same; None: gone."""
        if record.sandbox is None:
            return None
        with self._lock:
            held = self._open.get(record.sandbox)
        if held is None and (held := self._reopen(record)) is not None:
            self._hold(record.sandbox, record.pod.uid, held)
        return held

    def is_alive(self, record: PodRecord) -> bool:
        """Whether the runtime still has this namespace, whatever we hold."""
        namespace = self._reopen(record)
        if namespace is not None:
            namespace.close()
        return namespace is not None

    def leave(self, sandbox: str | None) -> None:
        """Close the namespace of a sandbox. One that is not held is a success."""
        with self._lock:
            held = self._open.pop(sandbox or "", None)
            self._pods.pop(sandbox or "", None)
        if held is not None:
            self._watched.leave(sandbox or "")
            held.close()

    def held(self) -> frozenset[str]:
        """The sandboxes whose namespaces are held open."""
        with self._lock:
            return frozenset(self._open)

    def _hold(self, sandbox: str, pod_uid: str, namespace: Namespace) -> None:
        with self._lock:
            earlier, self._open[sandbox] = self._open.get(sandbox), namespace
            self._pods[sandbox] = pod_uid
        if earlier is not None:
            self._watched.leave(sandbox)
            earlier.close()
        self._watched.touch(sandbox)

    def _reopen(self, record: PodRecord) -> Namespace | None:
        if record.netns is None:
            return None
        try:
            namespace = self._kernel.open(record.netns)
        except Failure as failure:
            if failure.code in GONE:
                return None
            raise
        if namespace.cookie == record.netns_cookie:
            return namespace
        namespace.close()
        return None
