"""The limits and choices that stand in the schema, held to the values; and what is given twice."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import fields
from typing import Any

from ports.schemas.about import MAX_ENTRIES, About
from ports.schemas.mistakes import Mistake


def value_mistakes(record: Any) -> Iterator[Mistake]:
    """What is missing, not supported, out of its limits or none of its choices, in the fields of one record."""
    for each in fields(record):
        about: About = each.metadata["about"]
        value = getattr(record, each.name)
        yield from (Mistake(each.name, reason) for reason in _reasons(about, value))


def too_many(path: str, entries: Any) -> Iterator[Mistake]:
    """A list or map that is longer than a plan has place for."""
    if entries is not None and len(entries) > MAX_ENTRIES:
        yield Mistake(path, f"{len(entries)} entries, more than {MAX_ENTRIES}")


def twice(path: str, keys: Iterable[Hashable], what: str) -> Iterator[Mistake]:
    """Entries of a list whose key an earlier one has; None stands for an entry that has no key."""
    first: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        if key is not None and first.setdefault(key, index) != index:
            yield Mistake(f"{path}[{index}]", f"{what} as {path}[{first[key]}]", (f"{path}[{first[key]}]",))


def _reasons(about: About, value: object) -> Iterator[str]:
    if about.required and value == "":
        yield "is needed"
    if not about.supported and value:
        yield "is not supported by this version; leave it out"
    missing = value is None or (about.required and value == "")
    if about.choices and not missing and value not in about.choices:
        yield f"{value!r} is none of {', '.join(map(str, about.choices))}"
    if isinstance(value, int) and about.least is not None and value < about.least:
        yield f"{value} is below {about.least}, the least there is"
    if isinstance(value, int) and about.most is not None and value > about.most:
        yield f"{value} is above {about.most}, the most there is"
