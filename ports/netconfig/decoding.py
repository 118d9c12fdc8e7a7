"""From plain objects to parameters, with every mistake and not only the first.

What is only missing because it could not be read is not told a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ports.netconfig.checks import config_mistakes
from ports.netconfig.schema import NetworkConfig
from ports.schemas.mistakes import InvalidConfig
from ports.schemas.reading import Reader

ROOT = "parameters"


def decode(parameters: Mapping[str, Any] | None) -> NetworkConfig:
    """The parameters as a value; ``InvalidConfig`` when they cannot be carried out. None or empty: all unset."""
    reader = Reader()
    config: NetworkConfig = reader.record(NetworkConfig, {} if parameters is None else parameters, "")
    unread = tuple(mistake.path for mistake in reader.mistakes)
    checked = (mistake for mistake in config_mistakes(config) if mistake.path not in unread)
    mistakes = (*reader.mistakes, *checked)
    if mistakes:
        raise InvalidConfig(tuple(mistake.under(ROOT) for mistake in mistakes))
    return config
