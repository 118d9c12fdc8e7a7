"""What a server makes of the devices of a ResourceSlice before it stores them.

Fields whose feature gate is off are dropped without a word, quantities are written in its own way, taints get a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Any

from adapters.standin.api_quantities import stored as stored_capacity

Object = dict[str, Any]
FIELDS = {
    "name", "attributes", "capacity", "taints", "consumesCounters", "nodeName", "nodeSelector", "allNodes", "bindsToNode",
    "bindingConditions", "bindingFailureConditions", "allowMultipleAllocations", "nodeAllocatableResourceMappings",
}  # fmt: skip


def as_stored(spec: Mapping[str, Any], dropped: Set[str]) -> Object:
    """The spec; ``dropped`` names fields of devices or of attribute values (``strings``) whose feature gate is off."""
    devices = [_device(device, dropped) for device in spec.get("devices") or []]
    return {
        **{name: value for name, value in spec.items() if name != "devices"},
        **({"devices": devices} if devices else {}),
    }


def _device(device: Mapping[str, Any], dropped: Set[str]) -> Object:
    kept = {name: value for name, value in device.items() if name in FIELDS - dropped}
    attributes = kept.get("attributes") or {}
    if attributes:
        kept["attributes"] = {name: _value(value or {}, dropped) for name, value in attributes.items()}
    if kept.get("capacity"):
        kept["capacity"] = {name: stored_capacity(value or {}) for name, value in kept["capacity"].items()}
    if kept.get("taints"):
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept["taints"] = [{**taint, "timeAdded": taint.get("timeAdded") or now} for taint in kept["taints"]]
    return kept


def _value(value: Mapping[str, Any], dropped: Set[str]) -> Object:
    return {name: item for name, item in value.items() if name not in dropped}
