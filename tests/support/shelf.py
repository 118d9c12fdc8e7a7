"""A shelf in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class MemoryShelf(Generic[T]):
    """``ports.outbox.Shelf`` that lives as long as the test."""

    def __init__(self) -> None:
        self.values: dict[str, T] = {}

    def put(self, claim_uid: str, value: T) -> None:
        """Keep the value."""
        self.values[claim_uid] = value

    def drop(self, claim_uid: str) -> None:
        """Forget it."""
        self.values.pop(claim_uid, None)

    def get(self, claim_uid: str) -> T | None:
        """The value, if there is one."""
        return self.values.get(claim_uid)

    def all(self) -> Mapping[str, T]:
        """Everything."""
        return dict(self.values)
