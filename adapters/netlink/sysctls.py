"""Sysctls of network namespaces: files under /proc/sys/net, which shows each thread those of the namespace it is in."""

from __future__ import annotations

import errno
import os
import re
from functools import lru_cache

from ports.devices import Sysctl
from ports.errors import Code, Failure

ROOT = "/proc/sys/net"  # a mount of it elsewhere shows the same, and is writable where this one is not (containers)
VALUE = re.compile(r"[!-~]+")  # one word: the kernel ignores an empty value and whatever follows the first
NAME = re.compile(r"(ipv4|ipv6)/([a-z0-9_]+)")
LONGEST = 256
WRITABLE = "mount the host's /proc/sys/net writable and name the place with --proc-sys-net"
ABSENT = (errno.ENOENT, errno.ENOTDIR)
REFUSED = (errno.EINVAL, errno.ERANGE)


def check(names: tuple[str, ...]) -> None:
    """INVALID for a name that could lead elsewhere."""
    for name in names:
        _parts(name)


def of_link(interface: str, names: tuple[str, ...], root: str = ROOT) -> dict[str, str]:
    """The values of those that this kernel has, of that interface in the calling thread's namespace."""
    read = ((name, _read(_path(root, interface, name), name)) for name in names)
    return {name: value for name, value in read if value is not None}


def set_of_link(interface: str, sysctl: Sysctl, root: str = ROOT) -> None:
    """Set one of that interface in the calling thread's namespace."""
    _write(_path(root, interface, sysctl.name), sysctl)


def switch_on(names: tuple[str, ...], root: str = ROOT) -> None:
    """Set switches of the calling thread's namespace as a whole (``ipv4/tcp_l3mdev_accept``)."""
    for name in names:
        _write("/".join((root, *_parts(name))), Sysctl(name=name, value="1"))


def _path(root: str, interface: str, name: str) -> str:
    family, key = _parts(name)
    return f"{root}/{family}/conf/{interface}/{key}"


@lru_cache(maxsize=512)
def _parts(name: str) -> tuple[str, str]:
    found = NAME.fullmatch(name)
    if not found:
        raise Failure(Code.INVALID, f"sysctl {name!r}", "is not one of ipv4 or ipv6, such as ipv4/arp_ignore")
    return found[1], found[2]


def _read(path: str, name: str) -> str | None:
    try:
        descriptor = os.open(os.fsencode(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in ABSENT or error.errno == errno.EACCES:  # EACCES: one that can only be written
            return None
        raise _failed(error, Sysctl(name=name, value="")) from error
    try:
        return os.read(descriptor, LONGEST).decode("ascii", "replace").strip()
    except OSError:  # the secret of IPv6 addresses that was never set (EIO)
        return None
    finally:
        os.close(descriptor)


def _write(path: str, sysctl: Sysctl) -> None:
    if not VALUE.fullmatch(sysctl.value):
        raise Failure(Code.INVALID, f"sysctl {sysctl.name}", f"does not take {sysctl.value!r}")
    try:
        descriptor = os.open(os.fsencode(path), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, os.fsencode(sysctl.value))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _failed(error, sysctl) from error


def _failed(error: OSError, sysctl: Sysctl) -> Failure:
    subject = f"sysctl {sysctl.name}"
    if error.errno in ABSENT:
        return Failure(Code.NOT_FOUND, subject, "this kernel does not have it")
    if error.errno in REFUSED:
        return Failure(Code.INVALID, subject, f"does not take {sysctl.value!r}")
    hint = WRITABLE if error.errno in (errno.EROFS, errno.EACCES) else ""
    return Failure(Code.KERNEL, subject, os.strerror(error.errno or 0), hint)
