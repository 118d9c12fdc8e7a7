"""From plain objects to a schema's values, with every mistake and not only the first.

A part that cannot be read counts as not given while the rest is read, so that one wrong type hides nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ports.plain import Malformed, parse
from ports.schemas.mistakes import Mistake


class Reader:
    """Reads and gathers mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def record(self, kind: Any, data: Any, path: str) -> Any:
        """``data`` as a value of ``kind``; what is wrong in it is added to ``mistakes``."""
        if not isinstance(data, Mapping):
            self.mistakes.append(Mistake(path, f"expected a map, got {_name(data)}"))
            return kind()
        hints = _hints(kind)
        known = {field.name: field.default for field in fields(kind)}
        self._refuse(path, [key for key in data if key not in known], known)
        given = [key for key in known if key in data]
        return kind(**{key: self._value(hints[key], data[key], _below(path, key), known[key]) for key in given})

    def _value(self, hint: Any, data: Any, path: str, default: Any) -> Any:
        inner = _present(hint)
        if data is None and inner is not hint:
            return None
        if is_dataclass(inner):
            return self.record(inner, data, path)
        if get_origin(inner) is tuple and is_dataclass(get_args(inner)[0]) and isinstance(data, list | tuple):
            return tuple(self.record(get_args(inner)[0], each, f"{path}[{i}]") for i, each in enumerate(data))
        try:
            return parse(inner, data, path)
        except Malformed as error:
            self.mistakes.append(Mistake(error.path, error.reason))
            return default

    def _refuse(self, path: str, unknown: list[Any], known: Mapping[str, Any]) -> None:
        if unknown:
            text = f"unknown key {', '.join(sorted(map(str, unknown)))}"
            self.mistakes.append(Mistake(path, text + _meant(unknown, known)))


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _meant(unknown: list[Any], known: Mapping[str, Any]) -> str:
    lower = {key.lower(): key for key in known}
    close = (get_close_matches(str(key).lower(), lower, n=1) for key in unknown)
    meant = [lower[found[0]] for found in close if found]
    return f" (did you mean {', '.join(meant)}?)" if meant else f" (there are {', '.join(known)})"


def _present(hint: Any) -> Any:
    """The hint without ``| None``."""
    if get_origin(hint) is not UnionType or type(None) not in get_args(hint):
        return hint
    (inner,) = (each for each in get_args(hint) if each is not type(None))
    return inner


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _name(data: Any) -> str:
    return "null" if data is None else type(data).__name__
