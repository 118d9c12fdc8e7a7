"""Server-side apply for the one list we apply to, ``status.devices`` of a ResourceClaim: who owns which field.

The list is keyed by driver, pool, device and share id, its conditions by type; every other leaf is one value. A manager
that applies owns what it said; what it no longer says goes, unless somebody else says it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.standin.api_errors import ApiError

Path = tuple[Any, ...]
Leaves = dict[Path, Any]
KEYS = ("driver", "pool", "device", "shareID")


@dataclass(kw_only=True, slots=True)
class Managed:
    """The owners of each leaf of one claim's list."""

    owners: dict[str, set[Path]] = field(default_factory=dict)

    def apply(self, manager: str, stored: list[Any], applied: list[Any], force: bool) -> list[Any]:
        """The list after ``manager`` applied; 409 where somebody else says otherwise and ``force`` is not given."""
        current, wanted = leaves(stored), leaves(applied)
        mine = self.owners.pop(manager, set())
        others = set().union(*self.owners.values())
        contested = {path for path in wanted if path in others and current.get(path) != wanted[path]}
        if contested and not force:
            self.owners[manager] = mine
            raise _conflict(len(contested), next(name for name, owned in self.owners.items() if owned & contested))
        for owned in self.owners.values():
            owned -= contested
        for path in mine - wanted.keys() - others:
            current.pop(path, None)
        self.owners[manager] = set(wanted)
        return entries({**current, **wanted})

    def update(self, manager: str, stored: list[Any], written: list[Any]) -> list[Any]:
        """The list after ``manager`` wrote it whole: it owns what it changed, nobody owns what is gone."""
        current, wanted = leaves(stored), leaves(written)
        changed = {path for path in wanted if path not in current or current[path] != wanted[path]}
        for owned in self.owners.values():
            owned -= changed
            owned &= wanted.keys()
        self.owners.setdefault(manager, set()).update(changed)
        return entries(wanted)


def leaves(stored: list[Any]) -> Leaves:
    """Each value of the list under its path."""
    found: Leaves = {}
    for entry in stored:
        key = tuple(entry.get(name) for name in KEYS)
        for name, value in entry.items():
            found.update(_parts((key, name), name, value))
    return found


def entries(found: Mapping[Path, Any]) -> list[Any]:
    """The list again, in the order in which its keys first came."""
    made: dict[Path, dict[str, Any]] = {}
    conditions: dict[Path, dict[str, Any]] = {}
    for (key, name, *rest), value in found.items():
        entry = made.setdefault(key, {})
        if name == "conditions":
            condition = conditions.setdefault((key, rest[0]), {})
            if not condition:
                entry.setdefault(name, []).append(condition)
            condition[rest[1]] = value
        elif rest:
            entry.setdefault(name, {})[rest[0]] = value
        else:
            entry[name] = value
    return [{**entry, "conditions": entry.get("conditions")} for entry in made.values()]  # null where there are none


def _parts(path: Path, name: str, value: Any) -> Leaves:
    if name == "networkData" and isinstance(value, Mapping):
        return {(*path, field): part for field, part in value.items()}
    if name == "conditions":
        return {(*path, item.get("type"), field): part for item in value or [] for field, part in item.items()}
    return {path: value} if value is not None else {}


def _conflict(number: int, other: str) -> ApiError:
    plural = "s" if number > 1 else ""
    text = f'Apply failed with {number} conflict{plural}: conflict{plural} with "{other}" with subresource "status"'
    return ApiError(409, "Conflict", text)
