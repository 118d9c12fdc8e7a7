"""The lines of a watch, and its events as ``ports.cluster.Change``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.kube.errors import parsed
from adapters.kube.versions import slice_from
from ports.cluster import Change
from ports.errors import Code, Failure

SUBJECT = "watch of ResourceSlices"


def change(event: dict[str, Any], api_version: str) -> Change:
    """One line of the stream. CONFLICT for an ERROR event: most often 410, the version is too old to go on from."""
    kind, body = event.get("type"), event.get("object")
    if kind == "ERROR":
        raise Failure(Code.CONFLICT, SUBJECT, str((body or {}).get("message") or "ended by the server"), "list again")
    if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK") or not isinstance(body, dict):
        raise Failure(Code.UNAVAILABLE, SUBJECT, f"an event that is none: {str(event)[:100]}", "is it an API server?")
    version = str(body.get("metadata", {}).get("resourceVersion", ""))
    if kind == "BOOKMARK":
        return Change(version=version)
    return Change(version=version, body=slice_from(body, api_version), gone=kind == "DELETED")


def objects(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a streamed answer, however it is cut, as JSON objects."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (parsed(line) for line in whole if line.strip())
