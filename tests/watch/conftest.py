"""A sysfs of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watch.trees import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty sysfs."""
    return Tree(tmp_path / "sys")
