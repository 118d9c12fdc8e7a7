"""A gRPC server on one Unix socket that appears only when it can answer, and never outlives its owner.

gRPC makes the socket file before it serves, keeps it world-readable, and takes over any path silently. So the server is
bound to a hidden name that the kubelet ignores, started, and then renamed to the final one; the caller holds a ``Guard``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from itertools import count
from typing import Any, TypeVar

import grpc

from adapters.kubelet.paths import hidden
from ports.errors import Code, Failure

T = TypeVar("T")
MOST_CALLS = 256  # a Prepare may wait for most of a minute, a node holds some hundred pods
LARGEST_REQUEST = 1 << 20
ATTEMPTS = count()  # an old server, when it is gone at last, removes the name it was bound to: never the next one's


class ThreadPerCall(Executor):
    """A daemon thread for each call: a pool would queue Unprepare behind waiting Prepares, and hold up the exit."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        threading.Thread(target=_run, args=(future, fn, args, kwargs), name="knd-kubelet-call", daemon=True).start()
        return future


class Endpoint:
    """One server on one path. ``open`` and ``close`` may be called again and again; not from two threads at once."""

    def __init__(self, path: str, services: Sequence[grpc.GenericRpcHandler]) -> None:
        self.path = path
        self._services = tuple(services)
        self._server: grpc.Server | None = None
        self._inode: tuple[int, int] | None = None

    def open(self) -> None:
        """Bind, serve, and only then show the socket under its name. What lies there already is stale: the guard says so."""
        name = hidden(self.path, next(ATTEMPTS))
        server = grpc.server(
            ThreadPerCall(),
            handlers=self._services,
            options=(("grpc.max_receive_message_length", LARGEST_REQUEST),),
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o750, exist_ok=True)
            _remove(name)
            server.add_insecure_port(f"unix:{name}")
            os.chmod(name, 0o600)
            server.start()
            inode = _inode(name)
            os.replace(name, self.path)
        except (OSError, RuntimeError) as error:
            server.stop(None)
            raise Failure(Code.UNAVAILABLE, self.path, f"cannot serve: {error}", "check the kubelet's root") from error
        self._server, self._inode = server, inode

    def present(self) -> bool:
        """Whether our socket is still where we put it."""
        return self._inode is not None and _inode(self.path) == self._inode

    def missing(self) -> bool:
        """Whether there is nothing at all at our path, so that serving there again takes nothing from anybody."""
        return not os.path.lexists(self.path)

    def hide(self) -> None:
        """Remove our socket file, so that nobody new finds it; calls go on."""
        if self.present():
            _remove(self.path)
        self._inode = None

    def close(self, grace: float) -> threading.Event:
        """Hide, take no new calls, cancel after ``grace`` seconds what still runs; the event is set when all is over."""
        self.hide()
        server, self._server = self._server, None
        if server is None:
            over = threading.Event()
            over.set()
            return over
        stopped: threading.Event = server.stop(grace)
        return stopped


def _run(future: Future[T], fn: Callable[..., T], args: Any, kwargs: Any) -> None:
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future, as executors do
        future.set_exception(error)


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
