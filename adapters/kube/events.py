"""Events (core/v1) for people who run ``kubectl describe``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ports.cluster import Notice

LONGEST_MESSAGE = 1024


def event_namespace(notice: Notice) -> str:
    """Where the Event goes: beside its object, or in ``default`` for one that has no namespace."""
    return notice.namespace or "default"


def event_body(notice: Notice, driver: str, node: str, api_version: str) -> dict[str, Any]:
    """The Event; ``api_version`` is the object's. The server makes its name unique."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"apiVersion": api_version, "kind": notice.kind, "name": notice.name, "uid": notice.uid}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{notice.name[:200].rstrip('.-')}.", "namespace": event_namespace(notice)},
        "involvedObject": {**about, "namespace": notice.namespace} if notice.namespace else about,
        "reason": notice.reason,
        "message": _shortened(notice.message),
        "type": "Warning" if notice.warning else "Normal",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": driver, "host": node},
        "reportingComponent": driver,
        "reportingInstance": node,
    }


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
