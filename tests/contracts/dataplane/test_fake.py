"""The contract on the fake: what frontends are tested against behaves as the real one."""

from __future__ import annotations

import pytest

from tests.contracts.dataplane.bench import Bench
from tests.contracts.dataplane.contract import DataplaneContract
from tests.contracts.dataplane.readdressing import ReaddressingContract
from tests.support.dataplane.bench import FakeBench


class TestFakeDataplane(DataplaneContract, ReaddressingContract):
    """Runs every promise on the fake."""

    @pytest.fixture
    def bench(self) -> Bench:
        """A fake of its own for each test."""
        return FakeBench()
