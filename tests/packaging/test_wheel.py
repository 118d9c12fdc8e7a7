"""What the Containerfile does with the sources, done here: a wheel of ours in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("agent", "adapters", "dataplane", "ports")
FILES = ("setup.cfg", "pyproject.toml", "README.md")

pytestmark = pytest.mark.timeout(600)


def _run(*command: str, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["PYTHONSAFEPATH"] = "1"
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", "dist", ".", cwd=source)
    [made] = (source / "dist").glob("*.whl")
    return made


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    packaged = {name for name in names if name.endswith(".py")}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(SOURCES)
    assert packaged == {str(path.relative_to(ROOT)) for name in SOURCES for path in (ROOT / name).rglob("*.py")}


def test_it_installs_into_a_fresh_environment_and_runs_there(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment), cwd=tmp_path)
    python = environment / "bin/python"
    _run(sys.executable, "-m", "pip", f"--python={python}", "install", "--only-binary=:all:", str(wheel), cwd=tmp_path)
    assert _run(str(environment / "bin/knd"), "version", cwd=tmp_path).startswith("knd 0.1.0 ")
    for command in ("dra", "nri", "watch", "dataplane", "up"):
        assert f"usage: knd {command} " in _run(str(environment / "bin/knd"), command, "--help", cwd=tmp_path)
