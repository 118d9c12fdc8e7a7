"""``knd`` as a person meets it: it teaches, refuses in one line, and loads nothing that was not asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from agent.cli import COMMANDS
from ports import options

FLAGS = {
    "up": options.ALL,
    "dra": options.DRA,
    "nri": options.NRI,
    "watch": options.WATCH,
    "dataplane": options.DATAPLANE,
}


def knd(*words: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "agent.cli", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=env, cwd=cwd)


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_knd_alone_teaches(words: tuple[str, ...]) -> None:
    ended = knd(*words)
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in COMMANDS:
        assert f"  {name} " in ended.stdout
    assert "Examples:" in ended.stdout
    assert "KND_LOG_LEVEL" in ended.stdout


def test_the_help_fits_a_terminal_of_120_columns() -> None:
    assert max(map(len, knd().stdout.splitlines())) <= 120


@pytest.mark.parametrize("words", [("lift",), ("--quick",), ("",), ("DRA",)])
def test_an_unknown_command_is_one_line_and_status_2(words: tuple[str, ...]) -> None:
    ended = knd(*words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert "dataplane" in ended.stderr


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_the_distributions(word: str) -> None:
    ended = knd(word)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"knd {metadata.version('knd')} ")


@pytest.mark.parametrize("name", FLAGS)
def test_each_process_explains_its_flags_with_their_environment_twins(name: str) -> None:
    ended = knd(name, "--help")
    assert ended.returncode == 0
    assert f"knd {name}" in ended.stdout
    for option in FLAGS[name]:
        assert option.flag in ended.stdout
        assert option.env in ended.stdout


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("flag", ["--no-such-flag", "--log-level=loud", "--runtime-dir=relative", "stray"])
def test_a_bad_flag_is_one_line_and_status_2(name: str, flag: str) -> None:
    ended = knd(name, flag)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(f"knd {name}: ")


def test_a_bad_value_in_the_environment_is_refused_like_a_flag() -> None:
    ended = knd("up", env={"KND_LOG_LEVEL": "loud"})
    assert ended.returncode == 2
    assert "--log-level" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_choosing_a_command_loads_no_other(tmp_path: Path) -> None:
    script = (
        "import sys, json; from agent import cli; cli.main(['version']);"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in"
        "  ('agent', 'adapters', 'dataplane', 'ports', 'grpc', 'kubernetes', 'zmq', 'pyroute2', 'argparse')]))"
    )
    argv = [sys.executable, "-c", script]
    ended = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ended.stdout.splitlines()[1]) == ["agent", "agent.cli"]


def test_the_working_directory_does_not_decide_what_the_dataplane_runs(tmp_path: Path) -> None:
    (tmp_path / "dataplane.py").write_text("print('mine')")
    (tmp_path / "argparse.py").write_text("print('mine')")
    ended = knd("dataplane", "--help", cwd=tmp_path)
    assert ended.returncode == 0
    assert "mine" not in ended.stdout
