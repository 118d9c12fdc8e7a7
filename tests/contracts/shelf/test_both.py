"""The contract on the shelf in memory and on the one in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.outbox.files import FileShelf
from tests.contracts.shelf.contract import ShelfContract
from tests.support.shelf import MemoryShelf


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    number: int


class TestMemory(ShelfContract):
    value = pytest.fixture(lambda self: Value)

    @pytest.fixture
    def shelf(self) -> MemoryShelf[Value]:
        return MemoryShelf()


class TestFiles(ShelfContract):
    value = pytest.fixture(lambda self: Value)

    @pytest.fixture
    def shelf(self, tmp_path: Path) -> FileShelf[Value]:
        return FileShelf(tmp_path / "made" / "when-needed", Value)
