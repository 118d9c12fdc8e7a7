"""What an API server refuses in ``status.devices`` of a ResourceClaim."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin.api_errors import ApiError

REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
ENTRY_FIELDS = {"driver", "pool", "device", "shareID", "conditions", "data", "networkData"}
NETWORK_FIELDS = {"interfaceName", "ips", "hardwareAddress"}
Object = Mapping[str, Any]


def require_declared(claim: str, entries: list[Object]) -> None:
    """Fields that an apply may not name, and keys that it may not repeat: 500, as recorded."""
    keys = [(entry.get("driver"), entry.get("pool"), entry.get("device"), entry.get("shareID")) for entry in entries]
    for entry, key in zip(entries, keys, strict=True):
        unknown = [*(set(entry) - ENTRY_FIELDS), *(set(entry.get("networkData") or {}) - NETWORK_FIELDS)]
        if unknown or keys.count(key) > 1:
            what = f"{unknown[0]}: field not declared in schema" if unknown else "duplicate entries for key"
            raise ApiError(500, "", f"failed to create typed patch object ({claim}): .status.devices: {what}")


def status_mistakes(entries: list[Object], allocated: set[tuple[Any, ...]]) -> list[str]:
    """All that is wrong with the merged list of ``status.devices``."""
    return [mistake for index, entry in enumerate(entries) for mistake in _entry_mistakes(index, entry, allocated)]


def _entry_mistakes(index: int, entry: Object, allocated: set[tuple[Any, ...]]) -> Iterator[str]:
    path = f"status.devices[{index}]"
    if (entry.get("driver"), entry.get("pool"), entry.get("device"), entry.get("shareID")) not in allocated:
        yield f'{path}: Invalid value: {{"Device":"{entry.get("device")}"}}: must be an allocated device in the claim'
    conditions = entry.get("conditions") or []
    if len(conditions) > 8:
        yield f"{path}.conditions: Too many: {len(conditions)}: must have at most 8 items"
    for number, condition in enumerate(conditions):
        yield from _condition_mistakes(f"{path}.conditions[{number}]", condition)
    yield from _network_mistakes(f"{path}.networkData", entry.get("networkData") or {})
    data = entry.get("data")
    if data is not None and not isinstance(data, dict):
        yield f'{path}.data: Invalid value: "<value omitted>": must be a valid JSON object'


def _condition_mistakes(path: str, condition: Object) -> Iterator[str]:
    status, reason = condition.get("status", ""), condition.get("reason", "")
    if status not in ("True", "False", "Unknown"):
        yield f'{path}.status: Unsupported value: "{status}": supported values: "False", "True", "Unknown"'
    if not condition.get("lastTransitionTime"):
        yield f"{path}.lastTransitionTime: Required value"
    if not reason:
        yield f"{path}.reason: Required value"
    elif not REASON.fullmatch(reason):
        yield f'{path}.reason: Invalid value: "{reason}": a condition reason must start with alphabetic character, ...'


def _network_mistakes(path: str, network: Object) -> Iterator[str]:
    ips = network.get("ips") or []
    if len(ips) > 16:
        yield f"{path}.ips: Too many: {len(ips)}: must have at most 16 items"
    for index, prefix in enumerate(ips):
        if prefix in ips[:index]:
            yield f'{path}.ips[{index}]: Duplicate value: "{prefix}"'
        if not _canonical(prefix):
            yield f'{path}.ips[{index}]: Invalid value: "{prefix}": must be a valid address in CIDR form / in canonical form'
    for name, most in (("interfaceName", 256), ("hardwareAddress", 128)):
        if len((network.get(name) or "").encode()) > most:
            yield f"{path}.{name}: Too long: may not be more than {most} bytes"


def _canonical(prefix: str) -> bool:
    try:
        found = ipaddress.ip_interface(prefix)
    except ValueError:
        return False
    mapped = isinstance(found, ipaddress.IPv6Interface) and found.ip.ipv4_mapped is not None
    return not mapped and "/" in prefix and found.with_prefixlen == prefix
