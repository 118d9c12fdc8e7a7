"""The dataplane's contract on the worker over the real kernel, and what only a real kernel shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.dataplane.bench import Bench
from tests.contracts.dataplane.contract import DataplaneContract, call, facts, prepare, sandbox
from tests.contracts.dataplane.readdressing import ReaddressingContract
from tests.dataplane.real_bench import RealBench

pytestmark = pytest.mark.netns


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealBench]:
    """A worker over the real kernel."""
    bench = RealBench(tmp_path)
    yield bench
    bench.close()


class TestWorkerOverRealKernel(DataplaneContract, ReaddressingContract):
    """Runs every promise on it."""

    @pytest.fixture
    def bench(self, real: RealBench) -> Bench:
        """The same, under the contract's name."""
        return real


def open_descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def test_many_pods_leave_no_descriptor_open(real: RealBench) -> None:
    prepare(real, 0, 1)
    before_facts = facts(real)
    real.dataplane.attach(sandbox(real), call(real))
    real.dataplane.detach(sandbox(real), call(real))
    before = open_descriptors()
    for _ in range(5):
        real.dataplane.attach(sandbox(real), call(real))
        real.dataplane.detach(sandbox(real), call(real))
    assert open_descriptors() == before
    assert facts(real) == before_facts


def test_a_device_that_the_pod_renamed_and_changed_comes_back_as_it_was(real: RealBench) -> None:
    before = facts(real)
    prepare(real, 0)
    real.dataplane.attach(sandbox(real), call(real))
    pod = real.kernel.open(real.netns("sandbox-1"))
    taken = pod.find("net1")
    assert taken is not None
    index = taken.identity.ifindex
    pod.set_up(index, False)
    pod.rename(index, "mine")
    pod.set_mac(index, "02:66:66:66:66:66")
    pod.set_mtu(index, 900)
    pod.set_up(index, True)
    pod.close()
    detached = real.dataplane.detach(sandbox(real), call(real))
    assert detached.lost == ()
    assert facts(real) == before
