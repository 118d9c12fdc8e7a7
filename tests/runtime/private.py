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
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
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


class Root:
    """An unpacked tree as the root of a mount namespace of its own, ``shared`` at the same path.

    A chroot would not do: whoever joins a container's mount namespace later starts at that namespace's real root. The
    namespace is held by a process that ends when its input does, so it never outlives the tests.
    """

    def __init__(self, tree: Path, shared: Path) -> None:
        self.tree = tree
        self._shared = shared
        _furnish(tree, shared)
        pivot = 'cd "$1"; pivot_root . mnt; /usr/bin/busybox umount -l /mnt; echo made; exec /usr/bin/busybox cat'
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation=unchanged", "sh", "-ec", pivot, "sh", str(tree)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"made\n"

    def command(self, *command: str) -> list[str]:
        """The command line that runs a program of the tree in there."""
        return ["env", "-i", f"PATH={PATH}", "nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", *command]

    def close(self) -> None:
        """Let go of the namespace and take the mounts of this one away."""
        self._keeper.communicate()
        for mount in (self.tree, self._shared):
            run("umount", "--lazy", "--recursive", str(mount))
        self._shared.rmdir()


def _furnish(tree: Path, shared: Path) -> None:
    """Kernel file systems, room for files, and the shared directory, on a mount that can become a root."""
    run("mount", "--bind", str(tree), str(tree))
    for name in ("run", "tmp", "var", "etc"):
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(tree / name))
    for name in ("dev", "proc", "sys"):
        run("mount", "--rbind", f"/{name}", str(tree / name))
    inside = tree / shared.relative_to("/")
    inside.mkdir(parents=True)
    run("mount", "--rbind", str(shared), str(inside))


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
