"""Programs out of Debian's packages, run in a root of their own: the host's distribution need not have them."""

from __future__ import annotations

import os

# sysfs shows the network namespace that it was mounted in; a mount of one's own shows that of the caller
ENTER = """mount -t sysfs sysfs "$0/sys" && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
mount --rbind /run "$0/run" && exec chroot "$0" "$@\""""


def command(program: str, *arguments: str, netns: str = "") -> list[str]:
    """The command line of a program of ``packages.TOOLS``, in the network namespace at the path ``netns`` if given."""
    enter = ["nsenter", f"--net={netns}"] if netns else []
    return [*enter, "unshare", "-m", "sh", "-c", ENTER, os.environ["KND_VM_TOOLS"], program, *arguments]
