"""Which limits a node can set is read from cgroup v2, wherever its top is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sysfs.cgroups import CgroupTree


@pytest.mark.parametrize(
    ("content", "found"),
    [("cpuset cpu io memory pids rdma\n", {"cpuset", "cpu", "io", "memory", "pids", "rdma"}), ("", set())],
)
def test_the_controllers_of_the_top_are_told(tmp_path: Path, content: str, found: set[str]) -> None:
    (tmp_path / "fs/cgroup").mkdir(parents=True)
    (tmp_path / "fs/cgroup/cgroup.controllers").write_text(content)
    assert CgroupTree(str(tmp_path)).controllers() == found


def test_cgroup_v1_has_none_that_count(tmp_path: Path) -> None:
    (tmp_path / "fs/cgroup/rdma").mkdir(parents=True)
    assert CgroupTree(str(tmp_path)).controllers() == frozenset()
