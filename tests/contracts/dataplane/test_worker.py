"""The contract on the real worker over the model of a kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.dataplane.bench import Bench
from tests.contracts.dataplane.contract import DataplaneContract
from tests.contracts.dataplane.readdressing import ReaddressingContract
from tests.contracts.dataplane.worker_bench import WorkerBench


class TestWorker(DataplaneContract, ReaddressingContract):
    """Runs every promise on the worker."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """A worker of its own for each test, which leaves no namespace open that holds nothing."""
        bench = WorkerBench()
        yield bench
        held = {record.sandbox for record in bench.ledger.records() if record.sandbox}
        assert bench.dataplane.namespaces.held() == held
        assert bench.kernel.open_handles == len(held)
