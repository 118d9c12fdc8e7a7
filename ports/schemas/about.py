"""What stands with a field of a schema: meaning, limits and an example, so that no two places can say different things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAX_ENTRIES = 128  # of one list or map


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What the reference says of a field. ``unset`` is the effect of not giving it; ``choices`` and limits as checked.

    ``keys`` are those that a map may have; none: any.
    """

    effect: str
    example: Any
    unset: str
    least: int | None = None
    most: int | None = None
    choices: tuple[int | str, ...] = ()
    keys: tuple[str, ...] = ()
    required: bool = False
    supported: bool = True


def about(effect: str, example: Any = None, unset: str = "unchanged", **more: Any) -> dict[str, About]:
    """The metadata of a field."""
    return {"about": About(effect=effect, example=example, unset=unset, **more)}


def key(*args: Any, default: Any = None, **more: Any) -> Any:
    """A field with its metadata; None while nobody sets it."""
    return field(default=default, metadata=about(*args, **more))
