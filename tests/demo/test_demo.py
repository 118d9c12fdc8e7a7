"""``knd demo`` does what it says, leaves nothing behind, and says what is missing where it cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

STEPS = (
    "a host of its own",
    "a cluster around it",
    "knd",
    "a claim",
    "prepare",
    "pod sandbox",
    "container",
    "inside the pod",
    "the attach, step by step",
    "the pod ends",
    "the host",
)


def demo(*flags: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "agent.demo", *flags],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_every_part_of_the_story_comes_true_and_nothing_is_left() -> None:
    before = {path.name for path in Path("/tmp").glob("knd-demo-*")}
    done = demo()
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    headlines = [line for line in done.stdout.splitlines() if line[:2].strip().isdigit()]
    assert [line[4:].partition(":")[0] for line in headlines] == list(STEPS)
    assert done.stdout.count("✓") == len(STEPS)
    assert "link net1 mac 02:00:5e:10:00:01 mtu 1400 up" in done.stdout
    assert "status.devices: net1 02:00:5e:10:00:01 192.0.2.2/24" in done.stdout
    assert "move" in done.stdout
    assert {path.name for path in Path("/tmp").glob("knd-demo-*")} <= before


def test_the_same_inside_a_user_namespace() -> None:
    done = demo(prefix=("unshare", "-Ur"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lines equal" in done.stdout


def test_a_machine_without_user_namespaces_is_told_what_to_do() -> None:
    no_namespaces = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    done = demo(prefix=("unshare", "-Ur", "sh", "-c", no_namespaces, "sh"))
    assert done.returncode == 1
    assert "private namespaces: unshare(2):" in done.stderr
    assert "run it with sudo" in done.stderr


def test_a_bad_flag_ends_with_2_and_one_line() -> None:
    done = demo("--loud")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
