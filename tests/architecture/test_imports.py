"""Who may import whom, and that our package names are ours alone."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports; exit(lint_imports(config_filename='setup.cfg', no_cache=True))"


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages found from that directory, without its cache."""
    argv = [sys.executable, "-c", LINT]
    env = os.environ | {"COLUMNS": "400"}  # one line a contract
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False, timeout=110, env=env)


def test_the_import_contracts_are_kept() -> None:
    ended = lint(ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 broken" in ended.stdout


MODULES = {
    "agent": (
        "cli",
        "demo",
        "up",
        "lint",
        "show",
        "dra",
        "leasehold",
        "outside",
        "wellness",
        "nri",
        "host",
        "watch",
        "supervisor",
        "domain",
        "services",
    ),
    "dataplane": ("__main__", "policy", "steps", "worker"),
    "ports": ("errors",),
    "adapters": ("bus", "clock"),
}


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("ports/errors", "import agent.domain", "innermost first"),
        ("ports/errors", "import adapters.bus", "innermost first"),
        ("agent/services", "import adapters.bus", "innermost first"),
        ("dataplane/worker", "import adapters.bus", "innermost first"),
        ("adapters/bus", "import agent.domain", "adapters know ports"),
        ("adapters/bus", "import dataplane", "adapters know ports"),
        ("adapters/bus", "import adapters.clock", "adapters do not know each other"),
        ("dataplane/worker", "import agent", "the dataplane knows nothing"),
        ("dataplane/__main__", "import urllib3", "the dataplane knows nothing"),
        ("agent/watch", "import dataplane", "the agent never touches"),
        ("agent/nri", "import grpc", "only the DRA frontend"),
        ("agent/domain", "import socket", "decisions do no I/O"),
        ("agent/supervisor", "import adapters.bus", "only composition roots"),
        ("dataplane/policy", "import adapters.bus", "only composition roots"),
        ("dataplane/policy", "import socket", "only the ledger, its files and the lock"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """The project's own contracts over almost empty packages: what they forbid is found."""
    for package, modules in MODULES.items():
        (tmp_path / package).mkdir()
        for name in ("__init__", *modules):
            (tmp_path / package / f"{name}.py").touch()
    (tmp_path / "setup.cfg").write_text(_without_exceptions())
    (tmp_path / module).with_suffix(".py").write_text(line + "\n")
    ended = lint(tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    broken = " ".join(text for text in ended.stdout.splitlines() if text.endswith("BROKEN"))
    assert contract in broken, ended.stdout


def _without_exceptions() -> str:
    """The project's configuration without the allowances that name modules the test does not make."""
    lines = (ROOT / "setup.cfg").read_text().splitlines(keepends=True)
    kept, allowance = [], False
    for line in lines:
        allowance = line.startswith("ignore_imports") or (allowance and line.startswith((" ", "\t")))
        if not allowance:
            kept.append(line)
    return "".join(kept)


@pytest.mark.parametrize("package", ["agent", "dataplane", "ports", "adapters"])
def test_our_package_names_belong_to_this_distribution_alone(package: str) -> None:
    assert set(metadata.packages_distributions()[package]) == {"knd"}
