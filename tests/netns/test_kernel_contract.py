"""The real kernel keeps the same contract as the model."""

from __future__ import annotations

import pytest

from tests.contracts.kernel.contract import KernelContract
from tests.contracts.kernel.routing_contract import RoutingContract
from tests.contracts.kernel.settings_contract import SettingsContract
from tests.contracts.kernel.uplinks_contract import UplinksContract
from tests.contracts.kernel.world import World
from tests.netns.world import RealWorld

pytestmark = pytest.mark.netns


class TestNetlinkKernel(KernelContract, RoutingContract, SettingsContract, UplinksContract):
    @pytest.fixture
    def world(self, real: RealWorld) -> World:
        return real
