"""Values to plain types and back, strictly: the one border check for everything that crosses a process or a file.

``plain(value)`` turns a tree of frozen dataclasses into dicts, lists and scalars that JSON and msgpack can carry.
``parse(type, data)`` does the reverse and accepts nothing else: unknown or missing keys, wrong types, numbers given as
text and unknown enum members are all refused with the path of the mistake. Unions of dataclasses are told apart by a
``kind`` field that each of them declares as a ``Literal`` with one value.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Decoder = Callable[[Any, str], Any]


class Malformed(ValueError):
    """Data that is not a value of the wanted type; ``path`` says where, ``reason`` why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def plain(value: Any) -> Any:
    """The value as dicts, lists and scalars. Refuses (TypeError) what ``parse`` could not read back."""
    kind: Any = type(value)
    shape = _shape(kind)
    if shape is not None:
        scalars, others = shape
        made = {name: getattr(value, name) for name in scalars}
        made.update((name, plain(getattr(value, name))) for name in others)
        return made
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    raise TypeError(f"no plain form for {type(value).__name__}")


@cache
def _shape(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The fields of a dataclass: those that are declared as scalars and need no look, and the others."""
    if not is_dataclass(kind):
        return None
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind))
    scalars = tuple(name for name in names if _is_scalar(hints[name]))
    return scalars, tuple(name for name in names if name not in scalars)


def _is_scalar(hint: Any) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return all(map(_is_scalar, get_args(hint)))
    return hint in _SCALARS


def parse(kind: type[T], data: Any, path: str = "$") -> T:
    """``data`` as a value of ``kind``, or ``Malformed`` with the path of the first mistake."""
    decoder: Decoder = _decoder(cast(Any, kind))
    return cast(T, decoder(data, path))


@cache
def _decoder(kind: Any) -> Decoder:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind))
    if origin is tuple:
        return _sequence(get_args(kind)[0])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(get_args(kind)[1])
    if origin is Literal:
        return _literal(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if is_dataclass(kind):
        return _record(cast(type, kind))
    if kind in _SCALARS:
        return _scalar(cast(type, kind))
    raise TypeError(f"cannot decode {kind!r}")


_SCALARS = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    bytes: "bytes",
    type(None): "null",
}


def _scalar(kind: type) -> Decoder:
    accepted = (int, float) if kind is float else (kind,)

    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
            raise Malformed(path, f"expected {_SCALARS[kind]}, got {_name(data)}")
        return data

    return decode


def _enum(kind: type[Enum]) -> Decoder:
    members = {member.value: member for member in kind}

    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, str | int) or data not in members:
            raise Malformed(path, f"expected one of {', '.join(map(str, members))}, got {_name(data)}")
        return members[data]

    return decode


def _literal(choices: tuple[Any, ...]) -> Decoder:
    def decode(data: Any, path: str) -> Any:
        if not any(data == choice and type(data) is type(choice) for choice in choices):
            raise Malformed(path, f"expected one of {', '.join(map(repr, choices))}, got {_name(data)}")
        return data

    return decode


def _sequence(item: Any) -> Decoder:
    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, list | tuple):
            raise Malformed(path, f"expected a list, got {_name(data)}")
        decoder = _decoder(item)
        return tuple(decoder(entry, f"{path}[{index}]") for index, entry in enumerate(data))

    return decode


def _mapping(item: Any) -> Decoder:
    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, Mapping):
            raise Malformed(path, f"expected a map, got {_name(data)}")
        decoder = _decoder(item)
        return {_key(key, path): decoder(entry, f"{path}.{key}") for key, entry in data.items()}

    return decode


def _union(choices: tuple[Any, ...]) -> Decoder:
    rest = tuple(choice for choice in choices if choice is not type(None))
    inner = _decoder(rest[0]) if len(rest) == 1 else _tagged(rest)
    if len(rest) == len(choices):
        return inner
    return lambda data, path: None if data is None else inner(data, path)


def _tagged(choices: tuple[Any, ...]) -> Decoder:
    if not all(is_dataclass(choice) for choice in choices):
        return _either(choices)
    by_kind = {get_args(get_type_hints(choice)["kind"])[0]: choice for choice in choices}

    def decode(data: Any, path: str) -> Any:
        tag = data.get("kind") if isinstance(data, Mapping) else None
        if not isinstance(tag, str) or tag not in by_kind:
            raise Malformed(f"{path}.kind", f"expected one of {', '.join(sorted(by_kind))}, got {_name(tag)}")
        return _decoder(by_kind[tag])(data, path)

    return decode


def _either(choices: tuple[Any, ...]) -> Decoder:
    """Scalars, and at most one list; in an order of ours, since ``typing`` may take ``int | str`` for ``str | int``."""
    scalars = tuple(choice for choice in _SCALARS if choice in choices)
    lists = tuple(choice for choice in choices if get_origin(choice) is tuple)
    if len(scalars) + len(lists) != len(choices) or len(lists) > 1:
        raise TypeError(f"a union needs dataclasses with a kind, or scalars and a list: {choices}")
    expected = " or ".join([*(_SCALARS[choice] for choice in scalars), *("a list" for _ in lists)])

    def decode(data: Any, path: str) -> Any:
        if lists and isinstance(data, list | tuple):
            return _decoder(lists[0])(data, path)
        if type(data) not in scalars:
            raise Malformed(path, f"expected {expected}, got {_name(data)}")
        return data

    return decode


def _record(kind: type) -> Decoder:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    decoders: dict[str, Decoder] = {}

    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, Mapping):
            raise Malformed(path, f"expected a map, got {_name(data)}")
        if not decoders:
            decoders.update({name: _decoder(hints[name]) for name in names})
        given = {_key(key, path) for key in data}
        _refuse_keys(path, given - decoders.keys(), "unknown key")
        _refuse_keys(path, required - given, "missing key")
        values = {name: decoders[name](data[name], f"{path}.{name}") for name in names if name in given}
        try:
            return kind(**values)
        except ValueError as error:
            raise Malformed(path, str(error)) from error

    return decode


def _refuse_keys(path: str, keys: set[str], reason: str) -> None:
    if keys:
        raise Malformed(path, f"{reason} {', '.join(sorted(keys))}")


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise Malformed(path, f"expected text as key, got {_name(key)}")
    return key


def _name(data: Any) -> str:
    if isinstance(data, str):
        return repr(data if len(data) <= 40 else data[:37] + "...")
    return "null" if data is None else type(data).__name__
