"""The guest as the tests see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.scenarios.host import Host, worker_host
from tests.vm.scenarios.pods import Pod, pod


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
