"""Devices as the API server accepts them: one value too long, and it refuses the slice with all the node's devices.

Limits: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-slice-v1/. What does not fit is
shortened where a part still tells something, else left out, and always noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ports.cluster import Json
from ports.devices import AttributeValue, Device

MAX_TEXT = 64  # bytes of UTF-8
MAX_ATTRIBUTES = 32
INT64 = range(-(2**63), 2**63)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
DOMAIN = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def clean(devices: tuple[Device, ...]) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """The devices as JSON, ordered by name, each name once; and a note on everything that was shortened or left out."""
    kept: dict[str, Json] = {}
    notes: list[str] = []
    for device in sorted(devices, key=lambda device: device.name):
        notes += _device_mistakes(device, kept)
        if LABEL.fullmatch(device.name) and device.name not in kept:
            attributes, lost = _attributes(device.attributes)
            kept[device.name] = {"name": device.name} | ({"attributes": attributes} if attributes else {})
            notes += (f"device {device.name}: {text}" for text in lost)
    return tuple(kept.values()), tuple(notes)


def _device_mistakes(device: Device, kept: Mapping[str, Json]) -> Iterator[str]:
    if not LABEL.fullmatch(device.name):
        yield f"device {device.name!r} left out: no DNS label"
    elif device.name in kept:
        yield f"device {device.name} left out: a second one of that name"


def _attributes(attributes: Mapping[str, AttributeValue]) -> tuple[dict[str, Json], list[str]]:
    kept: dict[str, Json] = {}
    notes: list[str] = []
    for name, value in sorted(attributes.items()):
        mistake = _mistake(name, value) or ("more than 32 attributes" if len(kept) == MAX_ATTRIBUTES else "")
        if mistake:
            notes.append(f"attribute {name} left out: {mistake}")
            continue
        kept[name] = _typed(value)
        if isinstance(value, str) and kept[name]["string"] != value:
            notes.append(f"attribute {name} shortened to {MAX_TEXT} bytes")
    return kept, notes


def _mistake(name: str, value: AttributeValue) -> str:
    domain, slash, identifier = name.rpartition("/")
    if not IDENTIFIER.fullmatch(identifier) or (slash and not DOMAIN.fullmatch(domain)):
        return "its name is no identifier, with or without a domain"
    if isinstance(value, tuple):
        return "this server takes no lists"
    if not isinstance(value, str) and value not in INT64:
        return f"{value} does not fit in 64 bits"
    return ""


def _typed(value: AttributeValue) -> Json:
    if isinstance(value, bool):
        return {"bool": value}
    return {"int": value} if isinstance(value, int) else {"string": shorten(str(value))}


def shorten(text: str) -> str:
    """At most 64 bytes: a list (``a,b,c``) ends after a whole element, other text after a whole character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT:
        return data.decode()
    whole, comma, _ = data[: MAX_TEXT + 1].rpartition(b",")
    return (whole if comma else data[:MAX_TEXT]).decode("utf-8", "ignore")
