"""From a file's plain objects to a node configuration, with every mistake and not only the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ports.nodeconfig.checks import config_mistakes
from ports.nodeconfig.schema import API_VERSION, KIND, NodeConfig
from ports.schemas.mistakes import InvalidConfig, Mistake
from ports.schemas.reading import Reader

EMPTY = NodeConfig(apiVersion=API_VERSION, kind=KIND)  # what no file at all means


def decode(documents: tuple[Any, ...], driver: str) -> NodeConfig:
    """The one document of a file as a value; ``InvalidConfig`` when it cannot be meant.

    An empty file is none: it may be one that is being written, and would take everything back that the last one said.
    """
    if len(documents) != 1:
        raise InvalidConfig((Mistake("file", f"holds {len(documents)} documents; write one {KIND}"),))
    return _decoded(documents[0], driver)


def is_node_config(document: object) -> bool:
    """Whether a document means to be one, whatever else is wrong with it."""
    return isinstance(document, Mapping) and document.get("kind") == KIND


def _decoded(document: object, driver: str) -> NodeConfig:
    reader = Reader()
    config: NodeConfig = reader.record(NodeConfig, document, "")
    unread = tuple(mistake.path for mistake in reader.mistakes)
    checked = (mistake for mistake in config_mistakes(config, driver) if mistake.path not in unread)
    mistakes = (*reader.mistakes, *checked)
    if mistakes:
        raise InvalidConfig(tuple(mistake if mistake.path else mistake.under(KIND) for mistake in mistakes))
    return config
