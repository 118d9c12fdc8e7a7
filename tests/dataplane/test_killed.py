"""kill -9 at every change of an attach and of a detach: real kernel, real ledger, real gate, the process as it is shipped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ports.ledger import Phase, decode
from tests.dataplane.process import Node, private_node
from tests.support.plans import claim_ref, pod_ref

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]
KILLED = -9
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Forker:
    """The warm process, and what is seen of its children from outside."""

    def __init__(self, node: Node, process: subprocess.Popen[str]) -> None:
        self.node = node
        self._process = process

    def fork(self, method: str, *arguments: object) -> tuple[int, Any]:
        """One child; how it ended and what it answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return told["status"], told["answer"]

    def did(self, method: str, *arguments: object) -> Any:
        """The answer of a child that must not fail."""
        status, answer = self.fork(method, *arguments)
        assert status == 0, answer
        return answer

    def phase(self) -> Phase | None:
        """How far the pod has come, by its record."""
        path = Path(self.node.places.ledger) / f"{pod_ref('web').uid}.json"
        return decode(path.read_bytes(), BOOT_ID.read_text().strip()).phase if path.exists() else None

    def gates(self) -> list[str]:
        """The claims whose containers may be created."""
        return [path.stem.rpartition("_")[2] for path in self.node.cdi.glob("*.json")]


@pytest.fixture
def forker() -> Iterator[Forker]:
    """It ends with the test."""
    with private_node() as node, warm(node) as process:
        yield Forker(node, process)


@contextmanager
def warm(node: Node) -> Iterator[subprocess.Popen[str]]:
    """The process, in the node's host."""
    flags = (f"--runtime-dir={node.places.runtime_dir}", f"--cdi-root={node.cdi}")
    argv = [sys.executable, "-m", "tests.dataplane.killing", str(node.host), node.pod_netns, "ens1", *flags]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        pass_fds=node.descriptors,
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def check_one_outcome(forker: Forker, moment: str) -> None:
    """All of it in the pod and the gate open, or all of it in the host as it was and the gate closed."""
    held = forker.did("held")
    node = forker.node
    if held:
        assert (held, node.in_pod()) == (["net1"], {"net1"}), moment
        assert (forker.phase(), forker.gates()) == (Phase.ATTACHED, [claim_ref("nics").uid]), moment
    else:
        assert (node.in_pod(), node.facts()) == (set(), node.devices), moment
        assert (forker.phase(), forker.gates()) == (Phase.PREPARED, []), moment


@pytest.mark.parametrize("verb", ["attach", "detach"])
def test_a_kill_at_any_change_has_one_outcome_and_loses_nothing(forker: Forker, verb: str) -> None:
    changes = forker.did("killed", verb, -1)
    forker.did("finish")
    assert {"change", "rename", "link"} <= set(changes)
    for number, change in enumerate(changes):
        moment = f"{verb}, killed before change {number} of {len(changes)}, {change}"
        assert forker.fork("killed", verb, number)[0] == KILLED, moment
        check_one_outcome(forker, moment)
        assert forker.did("finish") in (["adopted"], ["attached"]), moment
        assert (forker.node.in_pod(), forker.node.facts()) == (set(), forker.node.devices), moment
        assert (forker.phase(), forker.gates()) == (None, []), moment
    print(f"{verb}: {len(changes)} kills")
