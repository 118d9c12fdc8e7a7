"""From the schema's values back to what somebody could have written: nothing that is unset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ports.netconfig.schema import NetworkConfig


def encode(config: NetworkConfig) -> dict[str, Any]:
    """The parameters as plain objects; ``decode`` reads them back to an equal value."""
    return _record(config)


def _record(record: Any) -> dict[str, Any]:
    made = {each.name: getattr(record, each.name) for each in fields(record)}
    return {key: _plain(value) for key, value in made.items() if value is not None and not _is_unset(value)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _record(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _is_unset(value: Any) -> bool:
    return is_dataclass(value) and not _record(value)
