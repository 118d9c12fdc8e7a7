"""Work inside another network namespace with a limit of time: each call gets a thread that enters, works and ends.

In the caller's own namespace it works in the caller's thread: starting one costs up to a millisecond, and whoever must
not wait for a hanging kernel has a thread to lose already.

A thread that entered another namespace is never used again, so a failed way back can do no harm. Where the kernel does
not answer in time (a driver that hangs under the kernel's lock), the caller goes on without it; the thread ends when
the kernel lets go of it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ports.errors import Code, Failure

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


class _Work(Generic[T]):
    """One call: its descriptor of the namespace, its result or its error."""

    def __init__(self, descriptor: int, act: Callable[[], T]) -> None:
        self._descriptor = os.dup(descriptor)  # its own: the caller may close its namespace after giving up
        self._act = act
        self.results: list[T] = []
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._enter()
            self.results.append(self._act())
        except BaseException as error:  # noqa: BLE001  told to the caller, whose thread is another
            self.error = error

    def close(self) -> None:
        """Close the descriptor; once."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _enter(self) -> None:
        try:
            here = os.path.samestat(os.stat(OWN), os.fstat(self._descriptor))
            if not here and _libc.setns(self._descriptor, CLONE_NEWNET):
                raise _not_entered(ctypes.get_errno())
        finally:
            self.close()


def inside(descriptor: int, timeout: float, subject: str, act: Callable[[], T]) -> T:
    """What ``act`` returns or raises when called inside the namespace. DEADLINE after ``timeout`` seconds in another one."""
    if is_own(descriptor):
        return act()
    work = _Work(descriptor, act)
    thread = threading.Thread(target=work, name="setns", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        work.close()
        raise Failure(Code.UNAVAILABLE, subject, f"no thread for it: {error}") from error
    thread.join(timeout)
    if thread.is_alive():
        raise Failure(Code.DEADLINE, subject, f"the kernel did not answer within {timeout:g} s")
    if work.error is not None:
        raise work.error
    return work.results[0]


def is_own(descriptor: int) -> bool:
    """Whether the calling thread is in that namespace."""
    return os.path.samestat(os.stat(OWN), os.fstat(descriptor))


def _not_entered(number: int) -> Failure:
    hint = "CAP_SYS_ADMIN is needed" if number == errno.EPERM else ""
    return Failure(Code.KERNEL, "network namespace", f"cannot be entered: {os.strerror(number)}", hint)
