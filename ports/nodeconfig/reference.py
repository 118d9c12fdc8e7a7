"""The node configuration's schema as a JSON Schema for editors and pipelines, and as a table for people."""

from __future__ import annotations

from typing import Any

from ports.nodeconfig.schema import NodeConfig, Selector
from ports.schemas import reference
from ports.schemas.reference import DIALECT, Entry, json_object

_SELECTORS = ("devices.select[]", "devices.exclude[]", "deny[]", "attributes[].match", "multus[].match")


def json_schema() -> dict[str, Any]:
    """What the file may hold."""
    return {"$schema": DIALECT, "title": "Configuration of a node for knd", **json_object(NodeConfig)}


def entries() -> tuple[Entry, ...]:
    """All fields, in the order of the schema."""
    return reference.entries(NodeConfig)


def table() -> str:
    """The fields as a Markdown table; those of a selector have one of their own."""
    return reference.rows(entry for entry in entries() if entry.path.rpartition(".")[0] not in _SELECTORS)


def selector_table() -> str:
    """The fields of a selector."""
    return reference.table(Selector)
