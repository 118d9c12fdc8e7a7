"""Network namespaces as files: opening one only when it is one, and making a socket inside without leaving one's own.

``setns`` moves a thread for good if the way back fails. So a thread is made for it that ends with it, and neither the
main thread nor a child process (fork is unsafe beside threads) ever enters another namespace.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from ports.errors import Code, Failure

T = TypeVar("T")
NSFS_MAGIC = 0x6E736673  # linux/magic.h
NS_GET_NSTYPE = 0xB703  # linux/nsfs.h
CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


def open_namespace(path: str) -> int:
    """A descriptor of the network namespace at ``path``. NOT_FOUND: no such file; REFUSED: it is something else.

    Looked at before it is opened for reading (which could block on a FIFO or wake a device), and by descriptor, so that
    what was looked at is what is opened.
    """
    try:
        looked_at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        if _filesystem(looked_at) != NSFS_MAGIC:
            raise Failure(Code.REFUSED, path, "not a network namespace")
        opened = os.open(f"/proc/self/fd/{looked_at}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(looked_at)
    if fcntl.ioctl(opened, NS_GET_NSTYPE) != CLONE_NEWNET:
        os.close(opened)
        raise Failure(Code.REFUSED, path, "a namespace, but not a network namespace")
    return opened


def cookie(descriptor: int) -> str:
    """Tells namespaces apart: device and inode of the nsfs file."""
    status = os.fstat(descriptor)
    return f"{status.st_dev}:{status.st_ino}"


def inside(descriptor: int, make: Callable[[], T]) -> T:
    """What ``make`` returns when it is called inside the namespace; directly where the caller is in it already."""
    if _is_own(descriptor):
        return make()
    results: list[T] = []
    errors: list[OSError | Failure] = []

    def run() -> None:
        try:
            enter(descriptor)
            results.append(make())
        except (OSError, Failure) as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="setns")
    thread.start()
    thread.join()
    if errors:
        raise _not_entered(errors[0]) from errors[0]
    return results[0]


def _is_own(descriptor: int) -> bool:
    own, other = os.stat(OWN), os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino)


def enter(descriptor: int) -> None:
    """Take the calling thread into the namespace for good: only for one that ends there."""
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _filesystem(descriptor: int) -> int:
    status = (ctypes.c_long * 64)()  # struct statfs begins with a long, f_type; 120 bytes on 64-bit
    if _libc.fstatfs(descriptor, ctypes.byref(status)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return status[0]


def _unopened(path: str, error: OSError) -> Failure:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESRCH):  # ESRCH: /proc/PID/ns/net of one that has ended
        return Failure(Code.NOT_FOUND, path, "no such network namespace")
    return Failure(Code.KERNEL, path, f"cannot be opened: {error.strerror}")


def _not_entered(error: OSError | Failure) -> Failure:
    if isinstance(error, Failure):
        return error
    hint = "CAP_SYS_ADMIN is needed" if error.errno == errno.EPERM else ""
    return Failure(Code.KERNEL, "network namespace", f"cannot be entered: {error.strerror}", hint)
