"""What an API server refuses in a device of a ResourceSlice, one function a field, in the recorded words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.standin.api_quantities import policy_mistakes
from adapters.standin.api_words import IDENTIFIER, LABEL, SUBDOMAIN

NUMBER = r"(0|[1-9][0-9]*)"
SEMVER = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
SCALARS = ("string", "version", "int", "bool")
LISTS = {"strings": "string", "versions": "version", "ints": "int", "bools": "bool"}
EFFECTS = ("NoExecute", "NoSchedule", "None")
SELECTIONS = ("nodeName", "nodeSelector", "allNodes")
MOST_ENTRIES, MOST_VALUES, MOST_TAINTS, MOST_CONDITIONS = 32, 48, 16, 4
Object = Mapping[str, Any]


def device_mistakes(path: str, device: Object, selects: bool) -> Iterator[str]:
    """All that is wrong with a device; ``selects``: the slice says ``perDeviceNodeSelection``."""
    yield from _label_mistakes(f"{path}.name", device.get("name") or "")
    attributes, capacities = device.get("attributes") or {}, device.get("capacity") or {}
    total = len(attributes) + len(capacities)
    if total > MOST_ENTRIES:
        yield f"{path}: Invalid value: {total}: the total number of attributes and capacities must not exceed {MOST_ENTRIES}"
    values = sum(_value_count(value or {}) for value in attributes.values())
    if values > MOST_VALUES:
        yield f"{path}: Invalid value: {values}: the total number of attribute values must not exceed {MOST_VALUES}"
    for name, value in attributes.items():
        yield from _name_mistakes(f"{path}.attributes", name)
        yield from _value_mistakes(f"{path}.attributes[{name}]", value or {})
    for name, capacity in capacities.items():
        yield from _name_mistakes(f"{path}.capacity", name)
        yield from policy_mistakes(f"{path}.capacity[{name}]", capacity, bool(device.get("allowMultipleAllocations")))
    yield from _taints_mistakes(f"{path}.taints", device.get("taints") or [])
    yield from _binding_mistakes(path, device)
    yield from _selection_mistakes(path, device, selects)


def has_extras(device: Object) -> bool:
    """Whether the device halves the number of those that its slice can have."""
    lists = any(name in (value or {}) for value in (device.get("attributes") or {}).values() for name in LISTS)
    return bool(lists or device.get("taints") or device.get("consumesCounters"))


def _label_mistakes(path: str, name: str) -> Iterator[str]:
    if "." in name:
        yield f'{path}: Invalid value: "{name}": must not contain dots'
    elif not LABEL.fullmatch(name):
        yield f'{path}: Invalid value: "{name}": a lowercase RFC 1123 label must consist of ...'
    elif len(name) > 63:
        yield f'{path}: Invalid value: "{name}": must be no more than 63 characters'


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
    given = [name for name in (*SCALARS, *LISTS) if value.get(name) is not None]
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


def _taints_mistakes(path: str, taints: list[Object]) -> Iterator[str]:
    if len(taints) > MOST_TAINTS:
        yield f"{path}: Too many: {len(taints)}: must have at most {MOST_TAINTS} items"
    for index, taint in enumerate(taints):
        effect, value = taint.get("effect") or "", taint.get("value") or ""
        yield from _label_name_mistakes(f"{path}[{index}].key", taint.get("key") or "")
        if value and (len(value) > 63 or not LABEL_NAME.fullmatch(value)):
            yield f'{path}[{index}].value: Invalid value: "{value}": a valid label must be an empty string or consist of ...'
        if not effect:
            yield f"{path}[{index}].effect: Required value"
        elif effect not in EFFECTS:
            supported = ", ".join(f'"{each}"' for each in EFFECTS)
            yield f'{path}[{index}].effect: Unsupported value: "{effect}": supported values: {supported}'


def _label_name_mistakes(path: str, key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not SUBDOMAIN.fullmatch(prefix)):
        yield f'{path}: Invalid value: "{key}": prefix part a lowercase RFC 1123 subdomain must consist of ...'
    if not name or len(name) > 63:
        yield f'{path}: Invalid value: "{key}": name part must be {"non-empty" if not name else "no more than 63 characters"}'
    elif not LABEL_NAME.fullmatch(name):
        yield f'{path}: Invalid value: "{key}": name part must consist of alphanumeric characters, ...'


def _binding_mistakes(path: str, device: Object) -> Iterator[str]:
    wanted, failing = device.get("bindingConditions") or [], device.get("bindingFailureConditions") or []
    for name, conditions in (("bindingConditions", wanted), ("bindingFailureConditions", failing)):
        if len(conditions) > MOST_CONDITIONS:
            yield f"{path}.{name}: Too many: {len(conditions)}: must have at most {MOST_CONDITIONS} items"
    if bool(wanted) != bool(failing):
        absent, given = ("bindingFailureConditions", "bindingConditions")[:: 1 if wanted else -1]
        yield f"{path}.{absent}: Invalid value: null: {absent} are required to use {given}"


def _selection_mistakes(path: str, device: Object, selects: bool) -> Iterator[str]:
    given = [name for name in SELECTIONS if device.get(name)]
    if selects and len(given) != 1:
        yield f"{path}: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when ..."
    if given and not selects:
        yield f"{path}: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if ..."
