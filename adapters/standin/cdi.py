"""How a container runtime resolves CDI devices: JSON files of a directory, by fully qualified name (cncf-tags CDI)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Unresolvable(Exception):
    """Devices that no file, or more than one, describes: the container is not created."""


def environment(root: Path, devices: Iterable[str]) -> tuple[str, ...]:
    """The variables these devices give a container: those of each file in use once, then those of each device."""
    return tuple(variable for edit in _edits(root, devices) for variable in edit.get("env", ()))


def nodes(root: Path, devices: Iterable[str]) -> tuple[str, ...]:
    """The paths of the device files these devices give a container."""
    return tuple(node["path"] for edit in _edits(root, devices) for node in edit.get("deviceNodes", ()))


def _edits(root: Path, devices: Iterable[str]) -> list[dict[str, Any]]:
    known, wanted = _devices(root), tuple(devices)
    missing = [name for name in wanted if len(known.get(name, ())) != 1]
    if missing:
        raise Unresolvable(f"CDI device injection failed: unresolvable CDI devices {', '.join(missing)}")
    chosen = [known[name][0] for name in wanted]
    files = {id(spec): spec for spec, _ in chosen}
    return [edit.get("containerEdits", {}) for edit in (*files.values(), *(device for _, device in chosen))]


def _devices(root: Path) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
    found: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for spec in _specs(root):
        for device in spec["devices"]:
            found.setdefault(f"{spec['kind']}={device['name']}", []).append((spec, device))
    return found


def _specs(root: Path) -> list[dict[str, Any]]:
    """The readable specs; a broken file costs its own devices only."""
    specs = []
    for path in sorted(root.glob("*.json")):
        try:
            spec = json.loads(path.read_text())
            names = [device["name"] for device in spec["devices"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if names and isinstance(spec.get("kind"), str):
            specs.append(spec)
    return specs
