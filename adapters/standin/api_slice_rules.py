"""What an API server refuses in a ResourceSlice: the rules that drivers run into, as recorded. Unknown fields are dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin.api_counters import consumed_mistakes, shared_mistakes
from adapters.standin.api_devices import device_mistakes, has_extras
from adapters.standin.api_errors import bad_request
from adapters.standin.api_words import SUBDOMAIN

VALUE_TYPES = {"string": str, "version": str, "int": int, "bool": bool}
IMMUTABLE = ("driver", "nodeName")
SELECTIONS = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
MOST_DEVICES, MOST_DEVICES_WITH_EXTRAS = 128, 64
Object = Mapping[str, Any]


def slice_mistakes(spec: Object) -> list[str]:
    """All that is wrong with the spec of a ResourceSlice."""
    return [
        *_spec_mistakes(spec),
        *_selection_mistakes(spec),
        *_pool_mistakes(spec.get("pool") or {}),
        *shared_mistakes(spec.get("sharedCounters") or []),
        *_devices_mistakes(spec.get("devices") or [], bool(spec.get("perDeviceNodeSelection"))),
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
    if spec.get("sharedCounters") and spec.get("devices"):
        yield 'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed'


def _selection_mistakes(spec: Object) -> Iterator[str]:
    choices = [name for name in SELECTIONS if spec.get(name)]
    if len(choices) != 1:
        yield "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, ... is required"
    if spec.get("nodeName") and not SUBDOMAIN.fullmatch(spec["nodeName"]):
        yield f'spec.nodeName: Invalid value: "{spec["nodeName"]}": a lowercase RFC 1123 subdomain must consist of ...'
    terms = (spec.get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if spec.get("nodeSelector") and len(terms) != 1:
        yield "spec.nodeSelector.nodeSelectorTerms: Invalid value: [...]: must have exactly one node selector term"


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


def _devices_mistakes(devices: list[Object], selects: bool) -> Iterator[str]:
    most = MOST_DEVICES_WITH_EXTRAS if any(has_extras(device) for device in devices) else MOST_DEVICES
    if len(devices) > most:
        yield f"spec.devices: Too many: {len(devices)}: must have at most {most} items"
        return
    seen: set[str] = set()
    for index, device in enumerate(devices):
        name = device.get("name") or ""
        if name in seen:
            yield f'spec.devices[{index}]: Duplicate value: "{name}"'
        seen.add(name)
        yield from device_mistakes(f"spec.devices[{index}]", device, selects)
        yield from consumed_mistakes(f"spec.devices[{index}]", device)
