"""The real kernel keeps the same contract as the model."""

from __future__ import annotations

import pytest

from tests.contracts.kernel.contract import KernelContract, World
from tests.netns.world import RealWorld

pytestmark = pytest.mark.netns


class TestNetlinkKernel(KernelContract):
    @pytest.fixture
    def world(self, real: RealWorld) -> World:
        return real
