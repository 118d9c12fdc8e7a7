"""Processes: what the two capabilities of the dataplane allow, what a user namespace leaves, what outlasts an end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import bpf

pytestmark = pytest.mark.netns


def _run(mode: str, directory: Path, *wrapper: str) -> dict[str, Any]:
    return _told(*wrapper, sys.executable, "-m", "tests.contracts.programs.reduced", mode, str(directory))


def _told(*command: str) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert isinstance(answers, dict)
    return answers


if bpf.allowed():

    def test_the_two_capabilities_of_the_dataplane_are_enough(tmp_path: Path) -> None:
        answers = _run("capabilities", tmp_path)
        assert answers.pop("features") > 0
        assert answers == {
            "write": None,
            "attached": 6,
            "hold": None,
            "detached": 6,
            "left": 0,
            "as before": True,
        }

    def test_programs_are_held_over_the_end_of_the_process_by_files(tmp_path: Path) -> None:
        module = (sys.executable, "-m", "tests.contracts.programs.restarted", str(tmp_path))
        assert _told("unshare", "-m", *module) == {
            "keys": ["a.key.that.is.no.name", "kndclaim"],
            "descriptors": 1,
            "after": ["kndclaim"],
            "left": 0,
            "same": True,
            "files": [],
            "held": [],
        }


def test_in_a_user_namespace_nothing_is_attached_and_only_a_removal_fails(tmp_path: Path) -> None:
    answers = _run("user-namespace", tmp_path, "unshare", "-Urn")
    refusal = answers.pop("detached")
    assert refusal.startswith("kernel: ")
    assert "initial user namespace" in refusal
    assert answers.pop("features") > 0
    assert answers == {"write": None, "attached": 0, "hold": None, "left": 0, "as before": True}
