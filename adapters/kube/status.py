"""The bodies that write ``status.devices`` of a claim: server-side apply, and a merge patch where apply cannot work.

The API server keeps opaque parameters byte for byte, and an apply writes the whole status through a form that sorts keys:
parameters that a client stored otherwise look changed, and every apply is refused with "field is immutable". A merge
patch leaves the allocation's bytes alone; the resourceVersion makes it a read-modify-write.
"""

from __future__ import annotations

from typing import Any

from ports.cluster import Json
from ports.errors import Code, Failure
from ports.plan import ClaimRef

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
IMMUTABLE = ("status.allocation", "field is immutable")


def apply_body(claim: ClaimRef, api_version: str, devices: tuple[Json, ...]) -> dict[str, Any]:
    """What this manager says of the claim; the UID makes it a conflict where the claim was replaced."""
    metadata = {"name": claim.name, "namespace": claim.namespace, "uid": claim.uid}
    return {
        "apiVersion": api_version,
        "kind": "ResourceClaim",
        "metadata": metadata,
        "status": {"devices": [dict(device) for device in devices]},
    }


def merge_body(claim: ClaimRef, stored: Json, driver: str, devices: tuple[Json, ...]) -> dict[str, Any]:
    """The stored entries with this driver's replaced, for exactly the version that was read."""
    metadata = stored.get("metadata", {})
    if metadata.get("uid") != claim.uid:
        raise Failure(
            Code.CONFLICT, str(claim), f"the claim was replaced by another one with UID {metadata.get('uid')}"
        )
    others = [entry for entry in stored.get("status", {}).get("devices", ()) if entry.get("driver") != driver]
    return {
        "metadata": {"resourceVersion": metadata.get("resourceVersion")},
        "status": {"devices": [*others, *(dict(device) for device in devices)]},
    }


def apply_cannot_work(failure: Failure) -> bool:
    """Whether the server takes our apply for a change of the allocation."""
    return failure.code is Code.INVALID and all(words in failure.detail for words in IMMUTABLE)
