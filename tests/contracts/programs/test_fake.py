"""The model keeps the contract of programs."""

from __future__ import annotations

import pytest

from ports.kernel import Namespace
from tests.contracts.kernel.test_fake import FakeWorld
from tests.contracts.programs.contract import ProgramContract, World
from tests.contracts.programs.fake import FakePrograms


class FakeProgramWorld(FakeWorld):
    """The model of the kernel with that of programs."""

    def __init__(self) -> None:
        super().__init__()
        self.programs = FakePrograms(self.kernel)

    def plant(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        return self.programs.plant(namespace, ifindex, hook, name)

    def plant_by_link(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        return self.programs.plant_by_link(namespace, ifindex, hook, name)

    def ends(self, program: int) -> bool:
        return not self.alive(program)

    def alive(self, program: int) -> bool:
        return self.programs.alive(program)


class TestFakePrograms(ProgramContract):
    @pytest.fixture
    def world(self) -> World:
        return FakeProgramWorld()
