"""A Unix socket's place in the file system, owned by one process at a time.

ZeroMQ has no notion of that: a second bind on a live path succeeds and silently takes it away. So whoever binds holds
a lock on a file next to the socket first. The directory is 0700 before the socket exists, because a mode that is
changed after bind leaves a moment in which anybody may connect.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import zmq

from ports.errors import Code, Failure


class Endpoint:
    """One bound socket: ``bind`` takes the place, ``release`` gives it back (after the socket has been closed)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock: int | None = None

    def bind(self, socket: zmq.Socket[bytes]) -> None:
        """Take the path and bind. CONFLICT: another process serves it. REFUSED: the directory is somebody else's."""
        with _private_umask(), _os_failures(self.path):
            _private_directory(os.path.dirname(self.path))
            self._lock = _locked(self.path + ".lock")
            try:
                _remove_stale(self.path)
                socket.bind(f"ipc://{self.path}")
            except BaseException:
                os.close(self._lock)
                self._lock = None
                raise

    def release(self) -> None:
        """Let another process have the path. Repeatable."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(OSError):
                os.unlink(self.path)  # ZeroMQ leaves the file; a caller that finds none knows at once that we are away
            os.close(lock)


@contextmanager
def _private_umask() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _os_failures(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failure(Code.UNAVAILABLE, path, os.strerror(error.errno or 0), "check the runtime directory") from error
    except zmq.ZMQError as error:
        raise Failure(Code.UNAVAILABLE, path, f"cannot bind: {error}", "check the runtime directory") from error


def _private_directory(path: str) -> None:
    os.makedirs(path, mode=0o700, exist_ok=True)
    state = os.lstat(path)
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
        raise Failure(Code.REFUSED, path, "not a directory of this user", "remove it or choose another --runtime-dir")
    if stat.S_IMODE(state.st_mode) != 0o700:
        os.chmod(path, 0o700)


def _locked(path: str) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        socket = path.removesuffix(".lock")
        raise Failure(Code.CONFLICT, socket, f"served by process {owner} already", "stop that one first") from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def _remove_stale(path: str) -> None:
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(state.st_mode):
        raise Failure(Code.REFUSED, path, "exists and is no socket", "remove it or choose another --runtime-dir")
    os.unlink(path)
