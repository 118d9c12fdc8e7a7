"""The fake keeps the contract."""

from __future__ import annotations

import pytest

from tests.contracts.heldevents.contract import HeldEventsContract
from tests.contracts.heldevents.fake import FakeHeldEvents
from tests.contracts.kernel.fake import FakeKernel


class FakeWorld:
    """A namespace of the model."""

    def __init__(self) -> None:
        self.events = FakeHeldEvents()
        self.namespace = FakeKernel().host

    def change(self) -> None:
        self.events.happen(self.namespace.cookie)


class TestFake(HeldEventsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()
