"""A host of one's own for the runtime tests: private mount and network namespaces around the test process.

Everything that containerd, its containers and the processes under test mount or create as interfaces lives in these
namespaces, so two runs do not meet, the machine's own network is never touched, and a killed run leaves no mount.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWNET = 0x40000000
CGROUPS = Path("/sys/fs/cgroup")


def enter() -> None:
    """Move this thread, and all that it starts from now on, into fresh namespaces with the loopback up."""
    _unshare(CLONE_NEWNS | CLONE_NEWNET)
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    _fresh_sysfs()


def share(directory: Path) -> None:
    """A tmpfs whose mounts show at every place it is bound to: the runtime's namespaces, seen by the agent."""
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(directory))
    run("mount", "--make-shared", str(directory))


def furnish(tree: Path, shared: Path) -> Path:
    """Make an unpacked tree the root of a mount namespace of its own, ``shared`` at the same path; the namespace's file.

    A chroot would not do: whoever joins a container's mount namespace later starts at that namespace's real root.
    """
    run("mount", "--bind", str(tree), str(tree))
    for name in ("run", "tmp", "var", "etc"):
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(tree / name))
    for name in ("dev", "proc", "sys"):
        run("mount", "--rbind", f"/{name}", str(tree / name))
    inside = tree / shared.relative_to("/")
    inside.mkdir(parents=True)
    run("mount", "--rbind", str(shared), str(inside))
    namespace = shared.with_suffix(".root")
    namespace.touch()
    pivot = 'cd "$1"; pivot_root . mnt; exec /usr/bin/busybox umount -l /mnt'
    run("unshare", f"--mount={namespace}", "--propagation=unchanged", "sh", "-ec", pivot, "sh", str(tree))
    return namespace


def leave(tree: Path, shared: Path) -> None:
    """Take the mounts of ``furnish`` and ``share`` away again."""
    namespace = shared.with_suffix(".root")
    for mount in (namespace, tree, shared):
        run("umount", "--lazy", "--recursive", str(mount))
    namespace.unlink()
    shared.rmdir()


def run(*command: str) -> str:
    """Run a program to its end; its standard output."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "unshare")


def _fresh_sysfs() -> None:
    """/sys shows the interfaces of the namespace it was mounted in, so it is mounted anew; the cgroups move over."""
    kept = Path("/mnt")
    run("mount", "--rbind", str(CGROUPS), str(kept))
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--rbind", str(kept), str(CGROUPS))
    run("umount", "--lazy", "--recursive", str(kept))
