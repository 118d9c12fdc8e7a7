"""The contract on a webhook over HTTP, and over a Unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.cloud import catalog
from adapters.cloud.credentials import Credentials
from ports.profiles import ProfileProvider
from tests.contracts.profiles.contract import Leases, ProfileProviderContract
from tests.support.ipam import Ipam


class TestWebhook(ProfileProviderContract):
    @pytest.fixture
    def ipam(self) -> Ipam:
        return Ipam()

    @pytest.fixture(params=["tcp", "unix"])
    def provider(self, ipam: Ipam, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProfileProvider]:
        served = ipam.serving() if request.param == "tcp" else ipam.on_socket(str(tmp_path / "s"))
        with served as url:
            yield catalog.profiles("webhook", catalog.webhook(url, Credentials()), lambda: "")

    @pytest.fixture
    def leases(self, ipam: Ipam) -> Leases:
        return lambda: set(ipam.leases)
