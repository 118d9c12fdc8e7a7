"""The contract on the fake of the services' tests."""

from __future__ import annotations

import pytest

from tests.contracts.profiles.contract import GIVEN, Leases, ProfileProviderContract
from tests.services.support import FakeProfileProvider


class TestFake(ProfileProviderContract):
    @pytest.fixture
    def provider(self) -> FakeProfileProvider:
        made = FakeProfileProvider()
        made.gives = {"net": GIVEN}
        return made

    @pytest.fixture
    def leases(self, provider: FakeProfileProvider) -> Leases:
        return lambda: set(provider.given)
