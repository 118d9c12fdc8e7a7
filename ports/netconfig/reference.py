"""The schema as a JSON Schema for editors and pipelines, and as tables for people; both from the same values.

A JSON Schema cannot say everything: what depends on another field, on the device or on the address family is checked by
``knd lint`` and when the claim is prepared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from json import dumps
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ports.netconfig.schema import MAX_ENTRIES, About, NetworkConfig
from ports.sysctls import SETTABLE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS = {str: "string", int: "integer", bool: "boolean"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One field by its path (``routes[].metric``)."""

    path: str
    type: str
    about: About


def json_schema() -> dict[str, Any]:
    """What ``parameters`` may hold."""
    return {
        "$schema": DIALECT,
        "title": "Parameters of a device for the driver dra.net",
        **_object(NetworkConfig),
    }


def entries() -> tuple[Entry, ...]:
    """All fields, in the order of the schema, each record after its own line."""
    return tuple(_entries(NetworkConfig, ""))


def table() -> str:
    """The fields as a Markdown table: type, effect, what happens without, an example."""
    lines = ["| field | type | effect | when not given | example |", "| --- | --- | --- | --- | --- |"]
    for entry in entries():
        example = "" if entry.about.example is None else f"`{dumps(entry.about.example)}`"
        lines.append(f"| `{entry.path}` | {entry.type} | {_effect(entry.about)} | {_unset(entry.about)} | {example} |")
    return "\n".join(lines) + "\n"


def sysctl_table() -> str:
    """The sysctls that ``interface.sysctls`` takes."""
    return "\n".join(f"- `{name}`" for name in sorted(SETTABLE)) + "\n"


def _object(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    abouts = {each.name: _about(each) for each in fields(kind)}
    required = [name for name, about in abouts.items() if about.required]
    made: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(name, hints[name], about) for name, about in abouts.items()},
    }
    return made | ({"required": required} if required else {})


def _property(name: str, hint: Any, about: About) -> dict[str, Any]:
    made = {"description": f"{about.effect} {_without(about)}".strip(), **_type(_present(hint))}
    if name == "sysctls":
        made["propertyNames"] = {"enum": sorted(SETTABLE)}
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
        return _object(hint)
    if get_origin(hint) is tuple:
        return {"type": "array", "maxItems": MAX_ENTRIES, "items": _type(get_args(hint)[0])}
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return {"type": "object", "maxProperties": MAX_ENTRIES, "additionalProperties": _type(get_args(hint)[1])}
    return {"type": _SCALARS[hint]}


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
    if get_origin(hint) is not None:
        return f"map to {_word(get_args(hint)[1])}"
    return _SCALARS[hint]


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
    if get_origin(hint) is not UnionType:
        return hint
    (inner,) = (each for each in get_args(hint) if each is not type(None))
    return inner
