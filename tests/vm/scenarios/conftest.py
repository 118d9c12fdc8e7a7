"""Only inside: what these tests do to the host's cards must not be done to a real machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.vm import packages
from tests.vm.scenarios import rdma
from tests.vm.scenarios.host import Host, worker_host
from tests.vm.scenarios.pods import Pod, pod


@pytest.fixture(autouse=True, scope="session")
def _in_the_guest() -> None:
    if not os.environ.get("KND_VM"):
        pytest.skip("runs in an emulated machine: make test TIERS=vm")
    if os.environ["KND_VM"] == packages.PATCHED.name:
        rdma.run("rdma", "system", "set", "netns", "exclusive")  # possible only before there is any namespace


@pytest.fixture
def host() -> Iterator[Host]:
    """A worker on this machine."""
    with worker_host() as made:
        yield made


@pytest.fixture
def new_pod() -> Iterator[Pod]:
    """A pod's namespace."""
    with pod() as made:
        yield made
