"""When a file may have changed: inotify(7) on every directory in which a step of its path can be exchanged.

Kubernetes renews a ConfigMap by renaming the symbolic link ``..data`` beside the file, editors by renaming the file
itself: a watch of the file would go with the old one. A directory that is not there yet is waited for above it. Python
has no inotify of its own, whence the two calls by ctypes.
"""

from __future__ import annotations

import ctypes
import os
import select
from contextlib import suppress
from types import TracebackType

from ports.errors import Code, Failure

# inotify(7): IN_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF
MASK = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
MOST_LINKS = 40  # MAXSYMLINKS, linux/namei.h
MOST_BYTES = 65536

_libc = ctypes.CDLL(None, use_errno=True)


class PathChanges:
    """Notices what happens to one path from the moment it is made; a new one is needed after each change."""

    def __init__(self, path: str) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0:
            raise _failed(path)
        try:
            for directory in _directories(path):
                self._add(directory)
        except Failure:
            self.close()
            raise

    def wait(self, timeout: float | None, also: int) -> bool:
        """True when something happened within ``timeout`` seconds (None: for ever); False also when ``also`` is readable."""
        ready = select.select([self._descriptor, also], [], [], timeout)[0]
        if self._descriptor not in ready:
            return False
        with suppress(BlockingIOError):
            os.read(self._descriptor, MOST_BYTES)  # what it says does not matter: the path is looked at anew
        return True

    def close(self) -> None:
        """Give the watches up."""
        os.close(self._descriptor)

    def __enter__(self) -> PathChanges:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _add(self, directory: str) -> None:
        while _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), MASK) < 0:
            if directory == "/":
                raise _failed(directory)
            directory = os.path.dirname(directory)


def _directories(path: str) -> tuple[str, ...]:
    """Where each link on the way to the file lies, and the file itself."""
    found = []
    for _ in range(MOST_LINKS):
        found.append(os.path.dirname(path))
        if not os.path.islink(path):
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    found.append(os.path.dirname(os.path.realpath(path)))
    return tuple(dict.fromkeys(found))


def _failed(subject: str) -> Failure:
    reason = os.strerror(ctypes.get_errno())
    return Failure(Code.KERNEL, subject, f"changes cannot be watched: {reason}", "raise fs.inotify.max_user_instances")
