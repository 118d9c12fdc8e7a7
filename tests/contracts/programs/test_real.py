"""The real kernel keeps the contract of programs, and the promises that only it can break.

All of this needs bpf(2), which a user namespace does not give; there these tests do not exist (see test_processes).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.programs.contract import HOOKS, ProgramContract, World
from tests.contracts.programs.real import RealProgramWorld
from tests.support import bpf

pytestmark = pytest.mark.netns


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RealProgramWorld]:
    made = RealProgramWorld(tmp_path)
    yield made
    made.close()


if bpf.allowed():

    class TestBpfPrograms(ProgramContract):
        @pytest.fixture
        def world(self, world: RealProgramWorld) -> World:
            return world

    def test_no_descriptor_and_no_thread_is_left(world: RealProgramWorld) -> None:
        index = world.add_link("net7").identity.ifindex
        for hook in HOOKS:
            world.plant(world.host, index, hook, "one")
        before = world.programs.attached(world.host, index)
        descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
        for number in range(10):
            world.programs.hold(f"claim-{number}", before)
            world.programs.detach(world.host, index)
            world.programs.attach(world.host, index, before)
            world.programs.hold("all-along", before)
            world.programs.release(f"claim-{number}")
        assert len(os.listdir("/proc/self/fd")) == descriptors + len(before)
        world.programs.close()
        assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (descriptors, threads)
        assert world.programs.attached(world.host, index) == before
