"""What an API server refuses in a ResourceSlice and in ``status.devices``: the rules that network drivers run into.

Not checked here: counters, request policies, taints, binding conditions, capacity quantities, unknown fields.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin.api_errors import ApiError, bad_request

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NUMBER = r"(0|[1-9][0-9]*)"
SEMVER = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
VALUE_TYPES = {"string": str, "version": str, "int": int, "bool": bool}
LISTS = {"strings": "string", "versions": "version", "ints": "int", "bools": "bool"}
IMMUTABLE = ("driver", "nodeName")
MOST_DEVICES, MOST_DEVICES_WITH_EXTRAS, MOST_ATTRIBUTES, MOST_VALUES = 128, 64, 32, 48
ENTRY_FIELDS = {"driver", "pool", "device", "shareID", "conditions", "data", "networkData"}
NETWORK_FIELDS = {"interfaceName", "ips", "hardwareAddress"}
Object = Mapping[str, Any]


def slice_mistakes(spec: Object) -> list[str]:
    """All that is wrong with the spec of a ResourceSlice."""
    return [
        *_spec_mistakes(spec),
        *_pool_mistakes(spec.get("pool") or {}),
        *_devices_mistakes(spec.get("devices") or []),
    ]


def slice_change_mistakes(old: Object, new: Object) -> list[str]:
    """What an update must not touch."""
    pairs = [(f"spec.{name}", old.get(name), new.get(name)) for name in IMMUTABLE]
    pairs.append(("spec.pool.name", (old.get("pool") or {}).get("name"), (new.get("pool") or {}).get("name")))
    return [f'{path}: Invalid value: "{after}": field is immutable' for path, before, after in pairs if before != after]


def require_types(spec: Object) -> None:
    """Values that the server cannot even decode: 400, before any rule."""
    for device in spec.get("devices") or []:
        for value in (device.get("attributes") or {}).values():
            for name, kind in VALUE_TYPES.items():
                _require_type(name, kind, (value or {}).get(name))


def _require_type(name: str, kind: type, value: Any) -> None:
    wrong = value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool)))
    if wrong or (kind is int and value is not None and not -(1 << 63) <= value < 1 << 63):
        go = "int64" if kind is int else kind.__name__
        raise bad_request(
            'ResourceSlice in version "v1" cannot be handled as a ResourceSlice: json: cannot unmarshal '
            f"{type(value).__name__} into Go struct field DeviceAttribute.spec.devices.attributes.{name} of type {go}"
        )


def _spec_mistakes(spec: Object) -> Iterator[str]:
    driver = spec.get("driver") or ""
    if not driver:
        yield "spec.driver: Required value"
    elif not SUBDOMAIN.fullmatch(driver.lower()):
        yield f'spec.driver: Invalid value: "{driver}": a lowercase RFC 1123 subdomain must consist of ...'
    if len(driver) > 63:
        yield "spec.driver: Too long: may not be more than 63 bytes"
    choices = [name for name in ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection") if spec.get(name)]
    if len(choices) != 1:
        yield "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, ... is required"
    if spec.get("nodeName") and not SUBDOMAIN.fullmatch(spec["nodeName"]):
        yield f'spec.nodeName: Invalid value: "{spec["nodeName"]}": a lowercase RFC 1123 subdomain must consist of ...'


def _pool_mistakes(pool: Object) -> Iterator[str]:
    name = pool.get("name") or ""
    if not name:
        yield "spec.pool.name: Required value"
    elif not all(SUBDOMAIN.fullmatch(part) for part in name.split("/")):
        yield f'spec.pool.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of ...'
    if len(name) > 253:
        yield "spec.pool.name: Too long: may not be more than 253 bytes"
    if pool.get("generation", 0) < 0:
        yield f"spec.pool.generation: Invalid value: {pool['generation']}: must be greater than or equal to zero"
    if pool.get("resourceSliceCount", 0) < 1:
        yield f"spec.pool.resourceSliceCount: Invalid value: {pool.get('resourceSliceCount', 0)}: must be greater than zero"


def _devices_mistakes(devices: list[Object]) -> Iterator[str]:
    most = MOST_DEVICES_WITH_EXTRAS if any(_has_extras(device) for device in devices) else MOST_DEVICES
    if len(devices) > most:
        yield f"spec.devices: Too many: {len(devices)}: must have at most {most} items"
        return
    seen: set[str] = set()
    for index, device in enumerate(devices):
        name = device.get("name") or ""
        if name in seen:
            yield f'spec.devices[{index}]: Duplicate value: "{name}"'
        seen.add(name)
        yield from _device_mistakes(f"spec.devices[{index}]", name, device)


def _has_extras(device: Object) -> bool:
    lists = any(name in (value or {}) for value in (device.get("attributes") or {}).values() for name in LISTS)
    return bool(lists or device.get("taints") or device.get("consumesCounters"))


def _device_mistakes(path: str, name: str, device: Object) -> Iterator[str]:
    if "." in name:
        yield f'{path}.name: Invalid value: "{name}": must not contain dots'
    elif not LABEL.fullmatch(name):
        yield f'{path}.name: Invalid value: "{name}": a lowercase RFC 1123 label must consist of ...'
    elif len(name) > 63:
        yield f'{path}.name: Invalid value: "{name}": must be no more than 63 characters'
    attributes = device.get("attributes") or {}
    total = len(attributes) + len(device.get("capacity") or {})
    if total > MOST_ATTRIBUTES:
        yield f"{path}: Invalid value: {total}: the total number of attributes and capacities must not exceed {MOST_ATTRIBUTES}"
    values = sum(_value_count(value or {}) for value in attributes.values())
    if values > MOST_VALUES:
        yield f"{path}: Invalid value: {values}: the total number of attribute values must not exceed {MOST_VALUES}"
    for attribute, value in attributes.items():
        yield from _name_mistakes(f"{path}.attributes", attribute)
        yield from _value_mistakes(f"{path}.attributes[{attribute}]", value or {})


def _value_count(value: Object) -> int:
    return sum(len(value[name] or []) for name in LISTS if name in value) or 1


def _name_mistakes(path: str, name: str) -> Iterator[str]:
    domain, slash, identifier = name.partition("/")
    if not slash:
        domain, identifier = "", name
    elif not domain:
        yield f'{path}: Invalid value: "": the domain must not be empty'
    elif not identifier:
        yield f'{path}: Invalid value: "": the name must not be empty'
        return
    if len(domain) > 63:
        yield f"{path}: Too long: may not be more than 63 bytes"
    if len(identifier) > 32:
        yield f"{path}: Too long: may not be more than 32 bytes"
    if not slash and not IDENTIFIER.fullmatch(identifier):
        yield f'{path}: Invalid value: "{identifier}": a valid C identifier must start with alphabetic character or ...'


def _value_mistakes(path: str, value: Object) -> Iterator[str]:
    given = [name for name in (*VALUE_TYPES, *LISTS) if value.get(name) is not None]
    if len(given) != 1:
        yield f'{path}: Invalid value: "": exactly one value must be specified'
        return
    (name,) = given
    if name in LISTS and not value[name]:
        yield f"{path}.{name}: Invalid value: []: must not be empty if specified"
    kind = LISTS.get(name, name)
    for index, item in enumerate(value[name] if name in LISTS else [value[name]]):
        place = f"{path}.{name}[{index}]" if name in LISTS else f"{path}.{name}"
        if kind in ("string", "version") and len(item.encode()) > 64:
            yield f"{place}: Too long: may not be more than 64 bytes"
        if kind == "version" and not SEMVER.fullmatch(item):
            yield f'{place}: Invalid value: "{item}": must be a string compatible with semver.org spec 2.0.0'


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
