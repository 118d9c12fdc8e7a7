"""A trace as text: each step with its start, its duration and a bar, for people in a terminal."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One step; Unix nanoseconds. ``depth`` is how far it is nested."""

    label: str
    start_ns: int
    end_ns: int
    depth: int = 0


def draw(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """One line a row, on a common scale from the first start to the last end."""
    if not rows:
        return ()
    first = min(row.start_ns for row in rows)
    whole = max(max(row.end_ns for row in rows) - first, 1)
    widest = max(len(_label(row)) for row in rows)
    return tuple(
        f"{_label(row):<{widest}}  {_milliseconds(row.start_ns - first)}  "
        f"{_milliseconds(row.end_ns - row.start_ns)}  {_bar(row, first, whole)}".rstrip()
        for row in rows
    )


def _label(row: Row) -> str:
    return "  " * row.depth + row.label


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:8.2f} ms"


def _bar(row: Row, first: int, whole: int) -> str:
    begin = (row.start_ns - first) * WIDTH // whole
    length = max(1, round((row.end_ns - row.start_ns) * WIDTH / whole))
    return " " * begin + "█" * length
