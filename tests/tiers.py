"""The test tiers: runs each that this machine can run and says of every other why not. ``make test`` starts this.

A tier named in ``KND_REQUIRE`` must run: one that cannot, that ran no test, or that skipped one has failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support import debian
from tests.vm import session
from tests.vm.guest import Broken

BIN = Path(sys.executable).parent
PYTEST = (sys.executable, "-m", "pytest", "-q")
SIDE_BY_SIDE = ("-n", str(os.cpu_count() or 1), "--dist", "loadfile")  # tests without a kernel of their own mostly wait
UNMARKED = "not netns and not runtime and not vm"
LINTS = (
    (str(BIN / "ruff"), "check", "."),
    (str(BIN / "ruff"), "format", "--check", "."),
    (str(BIN / "mypy"),),
    (str(BIN / "lint-imports"),),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one tier; ``absent`` says why it did not run, and the remedy."""

    ran: int = 0
    failed: int = 0
    skipped: int = 0
    trouble: str = ""
    absent: str = ""

    def __str__(self) -> str:
        if self.absent:
            return f"not run: {self.absent}"
        skipped = f", skipped {self.skipped}" if self.skipped else ""
        return f"ran {self.ran}, failed {self.failed}{skipped}" + (f" ({self.trouble})" if self.trouble else "")

    def __add__(self, other: Outcome) -> Outcome:
        """Both parts of one tier."""
        return Outcome(
            ran=self.ran + other.ran,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            trouble="; ".join(filter(None, (self.trouble, other.trouble))),
        )

    def good(self, required: bool) -> bool:
        """Whether this lets the whole run succeed."""
        if required and (self.absent or self.skipped or not self.ran):
            return False
        return not self.failed and not self.trouble


NOT_ASKED = Outcome(absent="not asked for")


def unit() -> Outcome:
    """Everything without a marker except the contracts."""
    return _pytest((), "tests", "--ignore=tests/contracts", "-m", UNMARKED, *SIDE_BY_SIDE)


def contract() -> Outcome:
    """The contract suites on fakes and on whatever else needs no kernel."""
    return _pytest((), "tests/contracts", "-m", UNMARKED, *SIDE_BY_SIDE)


def netns() -> Outcome:
    """Real kernel, real namespaces: as root directly, as anybody else inside a user namespace."""
    wrapper = () if os.geteuid() == 0 else ("unshare", "-Urnm")
    absent = _cannot_unshare("-nm") if os.geteuid() == 0 else _cannot_unshare("-Urnm")
    return Outcome(absent=absent) if absent else _pytest(wrapper, "tests", "-m", "netns")


def runtime() -> Outcome:
    """A real containerd with runc."""
    absent = _without_root() or _cannot_unshare("-nm") or debian.missing_tools()
    return Outcome(absent=absent) if absent else _pytest((), "tests", "-m", "runtime")


def vm() -> Outcome:
    """A stock kernel with cards in an emulated machine; what needs patched drivers, with them, in a second one."""
    absent = session.absent()
    try:
        return Outcome(absent=absent) if absent else sum(map(_booted, session.RUNS), Outcome())
    except debian.Unavailable as unavailable:
        return Outcome(absent=str(unavailable))


def _booted(part: session.Run) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="knd-tier-") as scratch:
        report = Path(scratch) / "report.xml"
        try:
            return counted(report, session.run(part, report))
        except Broken as broken:
            return Outcome(trouble=str(broken))


def lint() -> Outcome:
    """Style, types and import rules; each tool counts as one test."""
    failed = 0
    for command in LINTS:
        print("$", Path(command[0]).name, *command[1:], flush=True)
        failed += subprocess.run(command, check=False).returncode != 0
    return Outcome(ran=len(LINTS), failed=failed)


TIERS: dict[str, Callable[[], Outcome]] = {
    "lint": lint,
    "unit": unit,
    "contract": contract,
    "netns": netns,
    "runtime": runtime,
    "vm": vm,
}


def _pytest(wrapper: tuple[str, ...], *selection: str) -> Outcome:
    """One pytest. Its temporary directories are its own: in a user namespace pytest would claim those of the real root."""
    with tempfile.TemporaryDirectory(prefix="knd-", ignore_cleanup_errors=True) as scratch:
        report = Path(scratch) / "report.xml"
        own = (f"--junitxml={report}", f"--basetemp={scratch}/t", "-p", "no:cacheprovider")
        command = [*wrapper, *PYTEST, *own, *selection]
        status = subprocess.run(command, check=False).returncode
        return counted(report, status)


def counted(report: Path, status: int) -> Outcome:
    """pytest's own report; a status that it does not explain (0 passed, 1 failed, 5 none found) is trouble."""
    if not report.exists():
        return Outcome(trouble=f"pytest ended with status {status} and no report")
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped, failures, errors = (
        sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "skipped", "failures", "errors")
    )
    failed = failures + errors
    expected = (1,) if failed else (0, 5)
    trouble = "" if status in expected else f"pytest ended with status {status}"
    return Outcome(ran=total - skipped, failed=failed, skipped=skipped, trouble=trouble)


def _without_root() -> str:
    return "" if os.geteuid() == 0 else "needs root for control groups and mounts: sudo make test TIERS=runtime"


def _cannot_unshare(flags: str) -> str:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "unshare or ip not found: apt-get install util-linux iproute2"
    tried = subprocess.run(["unshare", flags, "true"], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return ""
    remedy = "run as root, or allow it: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    return f"`unshare {flags} true` says {tried.stderr.strip()!r}: {remedy}"


def required(environment: str) -> frozenset[str]:
    """The tiers that must run, from the comma-separated value of ``KND_REQUIRE``."""
    names = frozenset(name.strip() for name in environment.split(",") if name.strip())
    if names - TIERS.keys():
        raise SystemExit(
            f"KND_REQUIRE: no tier {', '.join(sorted(names - TIERS.keys()))}; there are {', '.join(TIERS)}"
        )
    return names


def main(wanted: list[str]) -> int:
    """Run the wanted tiers (all when none is named) and sum up, one line a tier."""
    must = required(os.environ.get("KND_REQUIRE", ""))
    if set(wanted) - TIERS.keys():
        raise SystemExit(f"no tier {', '.join(sorted(set(wanted) - TIERS.keys()))}; there are {', '.join(TIERS)}")
    outcomes = {name: _shown(name) if name in wanted or not wanted else NOT_ASKED for name in TIERS}
    bad = [name for name, outcome in outcomes.items() if not outcome.good(name in must)]
    print()
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome}" + ("  <- FAILED" if name in bad else ""))
    return 1 if bad else 0


def _shown(name: str) -> Outcome:
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    outcome = TIERS[name]()
    print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
