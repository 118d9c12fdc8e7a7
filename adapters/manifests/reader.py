"""YAML and JSON documents as plain objects, with the strictness that a check needs.

PyYAML alone reads what ``kubectl`` does not: ``10:20:30:40:50:55`` would be a number to the base 60, ``2026-11-21`` a
date, and of two equal keys the last one would win without a word.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from ports.errors import Code, Failure

_BASE_60 = ":"
_DATES = "tag:yaml.org,2002:timestamp"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """YAML as the API server's tools take it."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """A map whose keys are all different."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key: Any = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise ConstructorError(None, None, f"the key {key!r} comes twice", key_node.start_mark)
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a value; neither dates nor numbers to the base 60."""
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        if tag == _DATES or (tag in _NUMBERS and isinstance(value, str) and _BASE_60 in value):
            return "tag:yaml.org,2002:str"
        return tag


def documents(text: str, source: str) -> tuple[Any, ...]:
    """All documents of a file; INVALID, with the line, for what is no YAML (JSON is YAML too)."""
    try:
        return tuple(document for document in yaml.load_all(text, Loader=_Loader) if document is not None)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Failure(Code.INVALID, source, _told(error)) from error


def _told(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0] or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark is not None else problem
