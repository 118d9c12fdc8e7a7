"""Limits of the rdma cgroup in a real kernel: it takes what would be written for a container, and holds programs to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sysfs.cgroups import CgroupTree
from agent.domain import rdma_limits
from ports.devices import RdmaLimits
from ports.results import AttachedDevice
from tests.support.plans import claim_ref
from tests.vm import tools
from tests.vm.scenarios import rdma

pytestmark = pytest.mark.vm
TOP = Path("/sys/fs/cgroup")
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@pytest.fixture
def container() -> Iterator[Path]:
    """A cgroup as a container has it, with every controller that the node has."""
    (TOP / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CgroupTree().controllers()))
    made = TOP / "kndtest"
    made.mkdir()
    try:
        yield made
    finally:
        made.rmdir()


def run(cgroup: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", JOIN, str(cgroup), *tools.command(program, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=rdma.SECONDS, check=False)


def test_a_container_has_no_more_than_its_claims_say(container: Path) -> None:
    assert rdma_limits.CONTROLLER in CgroupTree().controllers()
    with rdma.rxe("rxa", "enp65s0"), rdma.rxe("rxb", "enp129s0"):
        limited = ((device("rxa"), RdmaLimits(handles=2, objects=1)), (device("rxb"), RdmaLimits(objects=7)))
        for line in rdma_limits.content(limited).splitlines():  # as runc writes them since 1.2
            (container / rdma_limits.FILE).write_text(line)
        shown = {line.strip() for line in (container / rdma_limits.FILE).read_text().splitlines()}
        assert shown == {"rxa hca_handle=2 hca_object=1", "rxb hca_handle=max hca_object=7"}
        assert run(container, "ibv_devinfo", "-d", "rxa").returncode == 0  # it takes a handle and no object
        refused = run(container, "ibv_rc_pingpong", "-d", "rxa")  # a protection domain, and memory: one too many
        assert (refused.returncode, "register MR" in refused.stderr) == (1, True), refused.stderr


def device(name: str) -> AttachedDevice:
    return AttachedDevice(
        claim=claim_ref(), request="nic", pool="node1", device=name, interface="", mac="", addresses=(), rdma=(name,)
    )
