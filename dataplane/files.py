"""The ledger's files one by one: read and written without following links, and never more than a record can be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ports.errors import Code, Failure

Stamp = tuple[int, int, int, int]  # inode, bytes, when its content and when anything of it was changed (ns)
MAX_BYTES = 4 << 20
NO_FILE_OF_OURS = frozenset({errno.ELOOP, errno.ENXIO})  # a symbolic link, a socket


def stamp(path: str) -> Stamp:
    """What tells that a file is the one it was, and as it was."""
    state = os.lstat(path)
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def read(path: str) -> bytes:
    """All of it. CORRUPT: it is no regular file, or far too large."""
    descriptor = _open(path)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
            raise Failure(Code.CORRUPT, path, f"no regular file of at most {MAX_BYTES} bytes")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in NO_FILE_OF_OURS:
            raise Failure(Code.CORRUPT, path, "no regular file") from error
        raise


def write(path: str, data: bytes) -> None:
    """A new file of this user alone, in the place of whatever has that name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def unlink(path: str) -> None:
    """Remove it; one that is not there is a success."""
    with suppress(FileNotFoundError):
        os.unlink(path)


@contextmanager
def os_failures(path: str) -> Iterator[None]:
    """The system's errors as UNAVAILABLE, with what to look at."""
    try:
        yield
    except OSError as error:
        hint = "check the runtime directory: space, mode, mount"
        raise Failure(Code.UNAVAILABLE, path, os.strerror(error.errno or 0), hint) from error
