"""The parameters' schema as a JSON Schema for editors and pipelines, and as tables for people.

A JSON Schema cannot say everything: what depends on another field, on the device or on the address family is checked by
``knd lint`` and when the claim is prepared.
"""

from __future__ import annotations

from typing import Any

from ports.netconfig.schema import NetworkConfig
from ports.schemas import reference
from ports.schemas.reference import DIALECT, Entry, json_object
from ports.sysctls import SETTABLE


def json_schema() -> dict[str, Any]:
    """What ``parameters`` may hold."""
    title = "Parameters of a device for the driver dra.net"
    return {"$schema": DIALECT, "title": title, **json_object(NetworkConfig)}


def entries() -> tuple[Entry, ...]:
    """All fields, in the order of the schema, each record after its own line."""
    return reference.entries(NetworkConfig)


def table() -> str:
    """The fields as a Markdown table: type, effect, what happens without, an example."""
    return reference.table(NetworkConfig)


def sysctl_table() -> str:
    """The sysctls that ``interface.sysctls`` takes."""
    return "\n".join(f"- `{name}`" for name in sorted(SETTABLE)) + "\n"
