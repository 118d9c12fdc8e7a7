"""Tests in the guest: one boot for each kernel that there are tests for."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian
from tests.vm import kernel, packages
from tests.vm.guest import FOLDER, Broken, Guest, guest
from tests.vm.packages import Flavour

KERNEL_COMPLAINED = 99  # ours: the report does not explain it, so that it is a failure
SECONDS = 1800.0
TEST_SECONDS = 300  # for one test: the emulated processor is slow
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One boot, and the marker expression of the tests that it is for."""

    flavour: Flavour
    selection: str


RUNS = (
    Run(flavour=packages.STOCK, selection="vm and not movable_rdma"),
    Run(flavour=packages.PATCHED, selection="vm and movable_rdma"),
)


def absent() -> str:
    """Why no guest can run here, with the remedy; empty when one can."""
    if platform.machine() != "x86_64":
        return "the emulated machine and its kernel are x86_64, this one is not: run it on an x86_64 machine"
    if os.geteuid() != 0:
        return "needs root, to build drivers and to read all of this machine's files: sudo make test TIERS=vm"
    if shutil.which("unshare") is None:
        return "unshare not found: apt-get install util-linux"
    return debian.missing_tools()


def run(part: Run, report: Path) -> int:
    """Run the tests of that part in a guest; pytest's status, its report in ``report``.

    Tests are looked for outside first: that is faster, and leaves compiled modules behind for the guest.
    """
    files = _files_with(part.selection)
    booted = kernel.prepared(part.flavour)
    with guest(booted) as machine:
        print(f"vm: booting Linux {booted.release} ({part.flavour.name}) for {', '.join(files)}", flush=True)
        command = [*PYTEST, "-v", "--no-header", f"--junitxml={FOLDER}/report.xml", "-m", part.selection, *files]
        status = machine.run(command, environment(part.flavour), SECONDS)
        print(f"vm: the tests began {machine.boot_seconds():.0f} s after the kernel", flush=True)
        if (machine.folder / "report.xml").exists():
            shutil.copy(machine.folder / "report.xml", report)
        return status if _healthy(machine) else KERNEL_COMPLAINED


def environment(flavour: Flavour) -> dict[str, str]:
    """What is set inside on top of what is passed on."""
    return {"KND_VM": flavour.name, "KND_VM_TOOLS": str(packages.tools()), "PYTHONDONTWRITEBYTECODE": "1"}


def _healthy(machine: Guest) -> bool:
    complaints = machine.complaints()
    for line in complaints:
        print(f"vm: the guest's kernel says: {line}", flush=True)
    return not complaints


def _files_with(selection: str) -> list[str]:
    command = [*PYTEST, "-q", "--collect-only", "-m", selection, "tests"]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode:
        print(found.stdout, flush=True)
        raise Broken(f"the tests with `{selection}` cannot be collected, or there are none")
    return list(dict.fromkeys(line.split("::", 1)[0] for line in found.stdout.splitlines() if "::" in line))
