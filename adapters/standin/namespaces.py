"""Private Linux namespaces for a stand-in node, so that showing or testing the driver never touches this machine's own.

Everything is done with the system calls themselves (unshare(2), setns(2), mount(2)): no tool has to be installed. An
ordinary user gets a user namespace first, in which the same calls are allowed (user_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ports.errors import Code, Failure

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_RDONLY = 0x1
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

USER_NAMESPACE_HINT = (
    "run it with sudo, or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), "
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
)

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


def enter_private_host() -> None:
    """Put this process into a network and mount namespace of its own; call it before any thread is started.

    As an ordinary user a user namespace comes first. REFUSED, with the remedy, where the machine does not allow it.
    """
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNET | CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)
    _refuse_unless(_libc.unshare(flags), "unshare(2)")
    if uid:
        _map_user(uid, gid)
    _refuse_unless(_mount(None, "/", None, MS_REC | MS_PRIVATE), "making mounts private")


def _map_user(uid: int, gid: int) -> None:
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise Failure(Code.REFUSED, "user namespace", str(error), USER_NAMESPACE_HINT) from error


def _refuse_unless(status: int, what: str) -> None:
    if status:
        raise Failure(Code.REFUSED, "private namespaces", f"{what}: {_last_error()}", USER_NAMESPACE_HINT)


def mount_sysfs(target: Path) -> bool:
    """Mount the sysfs of this network namespace, read-only; False where the machine does not let us (some containers)."""
    target.mkdir(parents=True, exist_ok=True)
    return not _mount("sysfs", str(target), "sysfs", MS_RDONLY)


def unmount(target: Path) -> None:
    """Unmount, if anything is mounted there. What is mounted below a directory must go before the directory does."""
    _libc.umount2(str(target).encode(), MNT_DETACH)


def create(path: Path) -> Path:
    """Make a new network namespace that lives as long as it is mounted at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def make() -> None:
        if _libc.unshare(CLONE_NEWNET):
            raise Failure(Code.REFUSED, str(path), f"unshare(2): {_last_error()}", USER_NAMESPACE_HINT)
        bind(f"/proc/self/task/{threading.get_native_id()}/ns/net", path)

    in_thread(make)
    return path


def bind(namespace: str, path: Path) -> None:
    """Let a namespace be found at ``path`` too, in the calling thread's mounts."""
    path.touch()
    if _mount(namespace, str(path), None, MS_BIND):
        raise Failure(Code.REFUSED, str(path), f"mount(2): {_last_error()}", USER_NAMESPACE_HINT)


def destroy(path: Path) -> None:
    """Unmount and remove it; the kernel ends the namespace when nobody else holds it. Repeatable."""
    unmount(path)
    path.unlink(missing_ok=True)


def inside(path: Path, work: Callable[[], T]) -> T:
    """Run ``work`` on a thread of its own that has entered the namespace at ``path``."""

    def enter_and_work() -> T:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(handle, CLONE_NEWNET):
                raise Failure(Code.KERNEL, str(path), f"setns(2): {_last_error()}")
        finally:
            os.close(handle)
        return work()

    return in_thread(enter_and_work)


def socket_in(path: Path | None, family: int, kind: int) -> socket.socket:
    """A socket that belongs to the namespace at ``path`` (None: this one) for good."""
    return inside(path, lambda: socket.socket(family, kind)) if path else socket.socket(family, kind)


def in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` on a thread that ends afterwards: whatever namespace it entered ends with it."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            errors.append(error)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> int:
    result: int = _libc.mount(_text(source), target.encode(), _text(kind), ctypes.c_ulong(flags), None)
    return result


def _text(value: str | None) -> bytes | None:
    return value.encode() if value is not None else None


def _last_error() -> str:
    return os.strerror(ctypes.get_errno())
