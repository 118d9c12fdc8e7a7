"""A private host for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.world import RealWorld


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealWorld]:
    """The real kernel in a private host namespace."""
    world = RealWorld(tmp_path)
    yield world
    world.close()
