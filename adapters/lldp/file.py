"""LLDP neighbours from a file that ``lldpcli -f json0 show neighbors`` wrote (lldpd; json0 is its form for programs).

The daemon's own socket would need privileges that whoever only looks should not have. The file is read again when it is
another one; while it is missing or makes no sense, nobody has a neighbour.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ports.devices import Link
from ports.hardware import WireNeighbour

log = logging.getLogger("knd.lldp")
MOST_BYTES = 16 << 20
State = tuple[int, int, int]


class LldpFile:
    """Implements ``ports.discovery.WireFacts``; an empty ``path``: there is no such file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._state: State | None = None
        self._known: dict[str, WireNeighbour] = {}

    def neighbour(self, link: Link) -> WireNeighbour | None:
        """Who is at the other end, by the interface's name; the first where several speak."""
        if self._path:
            self._refresh()
        return self._known.get(link.name)

    def _refresh(self) -> None:
        try:
            found = os.stat(self._path)
            regular = stat.S_ISREG(found.st_mode)  # others make whoever opens them wait
            state: State | None = (found.st_ino, found.st_mtime_ns, found.st_size) if regular else None
        except OSError:
            state = None
        if state != self._state:
            self._known = self._read() if state is not None else {}
            self._state = state

    def _read(self) -> dict[str, WireNeighbour]:
        try:
            with Path(self._path).open("rb") as file:
                return dict(reversed(list(neighbours(json.loads(file.read(MOST_BYTES))))))
        except (OSError, ValueError, RecursionError) as error:
            log.warning("LLDP neighbours in %s cannot be read: %s", self._path, error)
            return {}


def neighbours(document: Any) -> Iterator[tuple[str, WireNeighbour]]:
    """Interfaces with their neighbours. json0 has a list for everything that there may be several of."""
    for part in _listed(document, "lldp"):
        for interface in _listed(part, "interface"):
            name, chassis, port = interface.get("name"), _first(interface, "chassis"), _first(interface, "port")
            if isinstance(name, str):
                told = WireNeighbour(
                    system=_value(_first(chassis, "name")),
                    chassis=_value(_first(chassis, "id")),
                    port=_value(_first(port, "id")),
                )
                if told != WireNeighbour():
                    yield name, told


def _listed(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _first(value: dict[str, Any], key: str) -> dict[str, Any]:
    return next(iter(_listed(value, key)), {})


def _value(value: dict[str, Any]) -> str:
    found = value.get("value")
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""
