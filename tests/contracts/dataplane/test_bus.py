"""The contract through the bus: neither values nor failures change on the way, and each half serves its own verbs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adapters.bus.dataplane import AttachingClient, PreparingClient, serve_attaching, serve_preparing
from ports.dataplane import Call, Sandbox
from ports.errors import Code, Failure
from tests.contracts.dataplane.bench import Bench
from tests.contracts.dataplane.bus_bench import BusBench
from tests.contracts.dataplane.contract import DataplaneContract
from tests.contracts.dataplane.readdressing import ReaddressingContract
from tests.contracts.dataplane.worker_bench import WorkerBench
from tests.support.dataplane.bench import FakeBench


@contextmanager
def behind_the_bus(inner: FakeBench | WorkerBench) -> Iterator[Bench]:
    bench = BusBench(inner, inner.clock)
    try:
        yield bench
    finally:
        bench.close()


class TestFakeBehindTheBus(DataplaneContract, ReaddressingContract):
    """Runs every promise on the fake, asked over the bus."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """A fake of its own behind servers of its own for each test."""
        with behind_the_bus(FakeBench()) as bench:
            yield bench


class TestWorkerBehindTheBus(DataplaneContract, ReaddressingContract):
    """Runs every promise on the worker, asked over the bus."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """A worker of its own behind servers of its own for each test."""
        with behind_the_bus(WorkerBench()) as bench:
            yield bench


@pytest.fixture
def fake() -> FakeBench:
    return FakeBench()


def call() -> Call:
    return Call(key="k", deadline=time.monotonic() + 10)


def test_the_sockets_of_the_two_halves_refuse_each_others_verbs(
    fake: FakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("halves")
    prepare_path, attach_path = str(directory / "prepare.sock"), str(directory / "attach.sock")
    servers = serve_preparing(prepare_path, fake.dataplane), serve_attaching(attach_path, fake.dataplane)
    for server in servers:
        server.start()
    crossed_attach, crossed_prepare = AttachingClient(prepare_path), PreparingClient(attach_path)
    sandbox = Sandbox(id="s", pod_uid="p", netns=fake.netns("s"))
    try:
        for ask in (
            lambda: crossed_attach.attach(sandbox, call()),
            lambda: crossed_attach.detach(sandbox, call()),
            lambda: crossed_attach.reconcile((sandbox,), call()),
            lambda: crossed_attach.held(call()),
            lambda: crossed_prepare.inspect((), call()),
            lambda: crossed_prepare.prepared("c", call()),
            lambda: crossed_prepare.unprepare("c", call()),
        ):
            with pytest.raises(Failure, match="not served here") as caught:
                ask()
            assert caught.value.code is Code.INVALID
    finally:
        for server in servers:
            server.stop()
