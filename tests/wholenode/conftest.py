"""The node that the cases share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wholenode.cases import Cases


@pytest.fixture(scope="package")
def shared() -> Iterator[Cases]:
    """Its four processes run; every case leaves it as it was."""
    with Cases() as made:
        yield made
