"""Mistakes in parameters, as values: where, what, and which other fields have to do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; ``path`` as in ``interface.addresses[0]``, ``also`` further fields that it lies between."""

    path: str
    reason: str
    also: tuple[str, ...] = ()

    def under(self, root: str) -> Mistake:
        """The same with paths that begin at ``root``."""
        also = tuple(f"{root}.{path}" for path in self.also)
        return replace(self, path=f"{root}.{self.path}" if self.path else root, also=also)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class InvalidConfig(ValueError):
    """Parameters that can never be carried out; ``mistakes`` holds all of them, each with its path."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes
