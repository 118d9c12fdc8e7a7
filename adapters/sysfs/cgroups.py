"""The controllers of cgroup v2, as a process sees them that may only look.

In a container with a cgroup namespace of its own, the file at the top shows what the container's cgroup was given. runc
gives every controller that the host has to each cgroup on the way there (libcontainer's fs2.CreateCgroupPath), so that it is
the host's list all the same, and that of the container which the limits are for.
"""

from __future__ import annotations

from pathlib import Path

from adapters.sysfs.files import text


class CgroupTree:
    """Implements ``ports.controls.Cgroups`` below ``root`` (``/sys``, or a tree made by a test)."""

    def __init__(self, root: str = "/sys") -> None:
        self._file = Path(root) / "fs/cgroup/cgroup.controllers"

    def controllers(self) -> frozenset[str]:
        """Those of the cgroup at the top; none with cgroup v1, whose top has no such file."""
        return frozenset(text(self._file).split())
