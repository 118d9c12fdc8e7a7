"""What an API server refuses in the counters of partitionable devices (KEP-4815)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin.api_words import LABEL

MOST_SETS, MOST_COUNTERS, MOST_CONSUMED = 8, 32, 2
Object = Mapping[str, Any]


def shared_mistakes(sets: list[Object]) -> Iterator[str]:
    """``spec.sharedCounters``."""
    if len(sets) > MOST_SETS:
        yield f"spec.sharedCounters: Too many: {len(sets)}: must have at most {MOST_SETS} items"
    yield from _sets_mistakes("spec.sharedCounters", sets, "name")


def consumed_mistakes(path: str, device: Object) -> Iterator[str]:
    """``consumesCounters`` of a device."""
    consumed = device.get("consumesCounters") or []
    if len(consumed) > MOST_CONSUMED:
        yield f"{path}.consumesCounters: Too many: {len(consumed)}: must have at most {MOST_CONSUMED} items"
    yield from _sets_mistakes(f"{path}.consumesCounters", consumed, "counterSet")


def _sets_mistakes(path: str, sets: list[Object], key: str) -> Iterator[str]:
    names = [each.get(key) or "" for each in sets]
    for index, (name, each) in enumerate(zip(names, sets, strict=True)):
        if not name:
            yield f"{path}[{index}].{key}: Required value"
        elif name in names[:index]:
            yield f'{path}[{index}]: Duplicate value: "{name}"'
        counters = each.get("counters") or {}
        if not counters:
            yield f"{path}[{index}].counters: Required value"
        if len(counters) > MOST_COUNTERS:
            yield f"{path}[{index}].counters: Too many: {len(counters)}: must have at most {MOST_COUNTERS} items"
        for counter in counters:
            if len(counter) > 63 or not LABEL.fullmatch(counter):
                yield f'{path}[{index}].counters: Invalid value: "{counter}": a lowercase RFC 1123 label must consist of ...'
