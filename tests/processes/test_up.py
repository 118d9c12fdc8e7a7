"""The supervisor with small real children: what dies comes back, and what ends takes all along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.supervisor import FIRST_DELAY, LONGEST_DELAY, STEADY_SECONDS, Backoff
from agent.up import PROCESSES, children
from ports import options

TELL = "import os, signal, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n');"
SLEEP = TELL + "time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP
CLEAN = (
    "import signal, sys; told = [];"
    "signal.signal(signal.SIGINT, lambda *_: told.append('INT'));"
    "signal.signal(signal.SIGTERM, lambda *_: told.append('TERM'));" + TELL + "signal.pause();"
    "open(sys.argv[1] + '.told', 'w').write(told[0])"
)


class Family:
    """Children that tell their pids in files, and the supervisor above them. An empty script: no such program."""

    def __init__(self, directory: Path, **scripts: str) -> None:
        self.directory = directory
        python = (sys.executable, "-c")
        argv = [
            [name, *python, script, str(directory / name)] if script else [name, "/nonexistent/program"]
            for name, script in scripts.items()
        ]
        command = [sys.executable, "-m", "tests.support.supervised", json.dumps(argv)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0)

    def pids(self, name: str) -> list[int]:
        """The pids the child had until now."""
        file = self.directory / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def started(self, name: str, times: int = 1) -> int:
        """The child's pid, once it was started so many times."""
        assert soon(lambda: len(self.pids(name)) >= times), f"{name} was started {len(self.pids(name))} times"
        return self.pids(name)[times - 1]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal the supervisor; its status and log."""
        self.process.send_signal(number)
        log = self.process.communicate(timeout=30)[1]
        return self.process.returncode, log


@contextmanager
def family(directory: Path, **scripts: str) -> Iterator[Family]:
    made = Family(directory, **scripts)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()
        for pid in (pid for name in scripts for pid in made.pids(name)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def soon(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_children_are_started_and_all_end_on_sigterm(tmp_path: Path) -> None:
    with family(tmp_path, one=SLEEP, two=SLEEP) as up:
        pids = [up.started("one"), up.started("two")]
        status, _ = up.end()
        assert status == 0
        assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "TERM"), (signal.SIGINT, "INT")])
def test_the_signal_is_passed_on(tmp_path: Path, number: signal.Signals, word: str) -> None:
    with family(tmp_path, one=CLEAN) as up:
        up.started("one")
        assert up.end(number)[0] == 0
        assert (tmp_path / "one.told").read_text() == word


def test_a_child_that_is_killed_comes_back(tmp_path: Path) -> None:
    with family(tmp_path, one=SLEEP, two=SLEEP) as up:
        first, other = up.started("one"), up.started("two")
        os.kill(first, signal.SIGKILL)
        assert up.started("one", 2) != first
        assert up.pids("two") == [other]
        assert alive(other)
        _, log = up.end()
        assert "one ended (signal SIGKILL)" in log


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_child_that_ends_by_itself_comes_back_ever_later(tmp_path: Path, status: int) -> None:
    with family(tmp_path, one=TELL + f"sys.exit({status})") as up:
        up.started("one", 3)
        _, log = up.end()
        assert f"one ended (status {status})" in log


def test_a_child_that_refuses_its_flags_ends_everything(tmp_path: Path) -> None:
    with family(tmp_path, one=SLEEP, two=TELL + "sys.exit(2)") as up:
        assert up.process.wait(30) == 2
        assert not any(alive(pid) for pid in up.pids("one"))
        assert len(up.pids("two")) == 1


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with family(tmp_path, one=STUBBORN) as up:
        pid = up.started("one")
        begun = time.monotonic()
        status, log = up.end()
        assert status == 0
        assert "killed" in log
        assert not alive(pid)
        assert time.monotonic() - begun < 15


def test_a_program_that_cannot_be_started_does_not_end_the_others(tmp_path: Path) -> None:
    with family(tmp_path, missing="", one=SLEEP) as up:
        up.started("one")
        status, log = up.end()
        assert status == 0
        assert "missing could not be started" in log


def test_a_signal_before_a_child_has_begun_leaves_nobody_behind(tmp_path: Path) -> None:
    with family(tmp_path, one=SLEEP, two=SLEEP) as up:
        time.sleep(0.3)
        up.end()
        time.sleep(0.3)
        assert not any(alive(pid) for name in ("one", "two") for pid in up.pids(name))


LEASHED = (
    "import subprocess, sys, os, time;"
    "script = 'import os, time; from agent.leash import bind; assert bind(int(os.environ[\"TOP\"]));'"
    "  'print(os.getpid(), flush=True); time.sleep(600)';"
    "subprocess.run([sys.executable, '-c', script], env=os.environ | {'TOP': str(os.getpid())})"
)


def test_children_do_not_outlive_a_killed_supervisor() -> None:
    with subprocess.Popen([sys.executable, "-c", LEASHED], stdout=subprocess.PIPE, text=True) as top:
        assert top.stdout is not None
        child = int(top.stdout.readline())
        assert alive(child)
        top.kill()
        try:
            assert soon(lambda: not alive(child))
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_child_whose_supervisor_died_before_it_could_bind_itself_does_not_run() -> None:
    argv = [sys.executable, "-m", "agent.leash", "1", "version"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "")


def longest(low: float, high: float) -> float:
    assert low == high / 2
    return high


def test_the_back_off_doubles_up_to_its_limit_and_starts_again_after_a_steady_run() -> None:
    backoff = Backoff(spread=longest)
    assert [backoff.delay(1.0) for _ in range(3)] == [FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4]
    assert [backoff.delay(1.0) for _ in range(200)][-1] == LONGEST_DELAY
    assert backoff.delay(STEADY_SECONDS) == FIRST_DELAY
    assert backoff.delay(1.0) == FIRST_DELAY * 2


def test_each_process_gets_its_own_flags_in_the_order_of_who_asks_whom() -> None:
    values = options.parser("knd up", "", options.ALL, {}).parse_args(["--node-name=n1", "--nri-socket=/x/nri.sock"])
    made = {child.name: child.argv for child in children(values)}
    assert list(made) == ["dataplane", "watch", "nri", "dra"]
    for name, wanted in PROCESSES:
        flags = [word.partition("=")[0] for word in made[name] if word.startswith("--")]
        assert flags == [option.flag for option in wanted]
        assert made[name][1:5] == ("-P", "-m", "agent.leash", str(os.getpid()))
    assert "--nri-socket=/x/nri.sock" in made["nri"]
    assert not [word for name in ("dataplane", "watch", "dra") for word in made[name] if "nri" in word]
    assert [name for name, argv in made.items() if any("--bind-address" in word for word in argv)] == ["dra"]
