"""What is wrong with node configurations before a node reads them: plain files, and those inside a ConfigMap; pure.

A key of a ConfigMap is looked at when its text says that it is a node configuration, or when the DaemonSet mounts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ports.errors import Failure
from ports.nodeconfig import KIND, InvalidConfig, decode, is_node_config

FILE = "node.yaml"  # the key that the manifests mount
Parse = Callable[[str, str], tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFile:
    """One node configuration: where it is for people, and the document itself or its text."""

    where: str
    document: object = None
    text: str | None = None


def node_files(document: object) -> Iterator[NodeFile]:
    """The node configurations of a document; those inside a ``List`` of ConfigMaps too."""
    body: dict[str, Any] = document if isinstance(document, dict) else {}
    if is_node_config(body):
        yield NodeFile(where=KIND, document=body)
    elif str(body.get("kind", "")).endswith("List") and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield from node_files(item)
    elif body.get("kind") == "ConfigMap" and isinstance(body.get("data"), dict):
        yield from _keys(body)


def node_mistakes(node: NodeFile, parse: Parse, driver: str) -> Iterator[str]:
    """All mistakes of one, each with its path; ``parse`` reads a text's documents."""
    try:
        decode((node.document,) if node.text is None else parse(node.text, "text"), driver)
    except InvalidConfig as error:
        yield from map(str, error.mistakes)
    except Failure as failure:
        yield failure.detail


def _keys(body: dict[str, Any]) -> Iterator[NodeFile]:
    metadata = body.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    for key, text in body["data"].items():
        if isinstance(text, str) and (f"kind: {KIND}" in text or key == FILE):
            yield NodeFile(where=f"ConfigMap {name}: data[{key}]", text=text)
