"""A schema as JSON Schema for editors and pipelines, and as tables for people; both from the same values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from json import dumps
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ports.schemas.about import MAX_ENTRIES, About

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS = {str: "string", int: "integer", bool: "boolean"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One field by its path (``routes[].metric``)."""

    path: str
    type: str
    about: About


def entries(kind: Any) -> tuple[Entry, ...]:
    """All fields, in the order of the schema, each record after its own line."""
    return tuple(_entries(kind, ""))


def table(kind: Any) -> str:
    """The fields as a Markdown table: type, effect, what happens without, an example."""
    return rows(entries(kind))


def rows(told: Iterable[Entry]) -> str:
    """Some fields as such a table."""
    lines = ["| field | type | effect | when not given | example |", "| --- | --- | --- | --- | --- |"]
    for entry in told:
        example = "" if entry.about.example is None else f"`{dumps(entry.about.example)}`"
        lines.append(f"| `{entry.path}` | {entry.type} | {_effect(entry.about)} | {_unset(entry.about)} | {example} |")
    return "\n".join(lines) + "\n"


def json_object(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a record, without its dialect and title."""
    hints = get_type_hints(kind)
    abouts = {each.name: _about(each) for each in fields(kind)}
    required = [name for name, about in abouts.items() if about.required]
    made: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(hints[name], about) for name, about in abouts.items()},
    }
    return made | ({"required": required} if required else {})


def _property(hint: Any, about: About) -> dict[str, Any]:
    made = {"description": f"{about.effect} {_without(about)}".strip(), **_type(_present(hint))}
    if about.keys:
        made["propertyNames"] = {"enum": list(about.keys)}
    limits = {"minimum": about.least, "maximum": about.most, "enum": list(about.choices) or None}
    limits |= {
        "minLength": 1 if about.required else None,
        "examples": None if about.example is None else [about.example],
    }
    if not about.supported:
        limits["enum"] = [False] if made["type"] == "boolean" else [""]
        limits["examples"] = None
    return made | {key: value for key, value in limits.items() if value is not None}


def _type(hint: Any) -> dict[str, Any]:
    if is_dataclass(hint):
        return json_object(hint)
    if get_origin(hint) is tuple:
        return {"type": "array", "maxItems": MAX_ENTRIES, "items": _type(get_args(hint)[0])}
    if _is_map(hint):
        return {"type": "object", "maxProperties": MAX_ENTRIES, "additionalProperties": _type(get_args(hint)[1])}
    return {"type": _SCALARS[hint] if hint in _SCALARS else _words(hint)}


def _entries(kind: Any, path: str) -> Iterator[Entry]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        hint = _present(hints[each.name])
        inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
        where = f"{path}{each.name}" + ("[]" if get_origin(hint) is tuple and is_dataclass(inner) else "")
        yield Entry(path=where, type=_word(hint), about=_about(each))
        if is_dataclass(inner):
            yield from _entries(inner, f"{where}.")


def _word(hint: Any) -> str:
    if is_dataclass(hint):
        return "map"
    if get_origin(hint) is tuple:
        return f"list of {_word(get_args(hint)[0])}s"
    if _is_map(hint):
        return f"map to {_word(get_args(hint)[1])}"
    return _SCALARS[hint] if hint in _SCALARS else " or ".join(_words(hint))


def _words(union: Any) -> list[str]:
    """In an order of ours: ``typing`` may take ``int | str`` for an earlier ``str | int``."""
    return [word for scalar, word in _SCALARS.items() if scalar in get_args(union)]


def _effect(about: About) -> str:
    if not about.supported:
        return f"{about.effect} Refused: not supported by this version."
    values = f" One of {', '.join(map(str, about.choices))}." if about.choices else ""
    if about.least is not None:
        values += f" At least {about.least}" + (f", at most {about.most}." if about.most is not None else ".")
    return f"{about.effect}{values}"


def _unset(about: About) -> str:
    return "must be given" if about.required else about.unset


def _without(about: About) -> str:
    if not about.supported:
        return "Not supported by this version."
    return "" if about.required else f"Not given: {about.unset}."


def _about(each: Any) -> About:
    about: About = each.metadata["about"]
    return about


def _present(hint: Any) -> Any:
    """The hint without ``| None``."""
    if get_origin(hint) is not UnionType or type(None) not in get_args(hint):
        return hint
    (inner,) = (each for each in get_args(hint) if each is not type(None))
    return inner


def _is_map(hint: Any) -> bool:
    return get_origin(hint) is not None and get_origin(hint) is not UnionType and issubclass(get_origin(hint), Mapping)
