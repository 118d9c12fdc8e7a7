"""What of Debian the machine is made of. The suites are named here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support import debian

EMULATOR_SUITE = "trixie"
EMULATOR = ("qemu-system-x86", "busybox-static", "zstd", "kmod")
TOOLS = ("iproute2", "iputils-ping", "ibverbs-utils", "ibverbs-providers", "rdmacm-utils", "perftest")
BUILD_TOOLS = (
    *("linux-headers-amd64", "linux-source", "make", "binutils", "dash", "sed", "grep", "mawk"),
    *("findutils", "diffutils", "coreutils", "perl-base", "tar", "xz-utils"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavour:
    """A kernel to boot: the newest of a suite, or the one in the cache.

    ``patched`` adds RDMA drivers that can be moved between namespaces, as those of hardware can; see ``patches``.
    """

    name: str
    suite: str
    patched: bool = False

    def tree(self) -> Path:
        """The kernel's packages, unpacked; with the compiler and the sources where drivers are built."""
        return debian.unpacked("linux-image-amd64", *(BUILD_TOOLS if self.patched else ()), suite=self.suite)


STOCK = Flavour(name="stock", suite="trixie")
PATCHED = Flavour(name="patched", suite="forky", patched=True)
FLAVOURS = {flavour.name: flavour for flavour in (STOCK, PATCHED)}


def emulator() -> Path:
    """QEMU, a static busybox for the guest, and the tools to look into a kernel's packages."""
    return debian.unpacked(*EMULATOR, suite=EMULATOR_SUITE)


def tools() -> Path:
    """Programs that tests run in the guest, in a root of their own (``tests.vm.tools``)."""
    return debian.unpacked(*TOOLS, suite=EMULATOR_SUITE)
