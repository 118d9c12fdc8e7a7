"""What ResourceSlices the node should have, and the fewest writes that lead there; pure.

A pool is the set of slices with the highest generation, complete when there are ``resourceSliceCount`` of them. So a
change of one slice is written in place, and anything that adds, removes or changes several slices gets a new generation
over all of them: a consumer that sees some of the writes takes the pool for incomplete instead of for something that it
never was. Slices are told apart by the index at the beginning of their name.

One device that the API server refuses makes it refuse the whole slice, so ``agent.domain.attributes`` cleans the devices
first. A server whose feature gates are off drops fields without a word; ``learn`` keeps what became of a device, so that
the difference does not cause another write.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from agent.domain.attributes import clean
from ports.cluster import Json
from ports.devices import Device

API_VERSION = "resource.k8s.io/v1"
MAX_DEVICES = 128  # per slice
MAX_NAME = 253
INDEX = re.compile(r"([0-9a-f]{5})-")
Learned = Mapping[str, Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The state wanted: ``pages`` holds the devices of each slice; ``notes`` says what had to be left out, and why."""

    driver: str
    node: str
    node_uid: str
    pages: tuple[tuple[Json, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Writes:
    """What has to be done, in this order: delete by name, replace, create."""

    delete: tuple[str, ...] = ()
    update: tuple[Json, ...] = ()
    create: tuple[Json, ...] = ()

    def __len__(self) -> int:
        return len(self.delete) + len(self.update) + len(self.create)


def pool(devices: tuple[Device, ...], driver: str, node: str, node_uid: str) -> Pool:
    """The node's pool with these devices. An empty pool is one slice without devices: known, and nothing there."""
    cleaned, notes = clean(devices)
    pages = tuple(cleaned[start : start + MAX_DEVICES] for start in range(0, len(cleaned), MAX_DEVICES)) or ((),)
    return Pool(driver=driver, node=node, node_uid=node_uid, pages=pages, notes=notes)


def diff(wanted: Pool, existing: tuple[Json, ...], learned: Learned | None = None) -> Writes:
    """The writes from the slices there are to the slices wanted; nothing when they are the same already."""
    current = _current(wanted, existing)
    obsolete = tuple(body["metadata"]["name"] for body in existing if body not in current.values())
    changed = [index for index in current if not _same(wanted, index, current[index], learned or {})]
    whole = len(current) == len(wanted.pages) and not obsolete
    generations = {_generation(body) for body in current.values()}
    if whole and not changed and len(generations) == 1:
        return Writes()
    if whole and len(changed) == 1 and len(generations) == 1:
        (index,) = changed
        return Writes(update=(_replace(wanted, index, current[index], *generations),))
    generation = max((_generation(body) for body in existing), default=0) + 1
    return Writes(
        delete=obsolete,
        update=tuple(_replace(wanted, index, body, generation) for index, body in sorted(current.items())),
        create=tuple(_create(wanted, index, generation) for index in range(len(wanted.pages)) if index not in current),
    )


def learn(sent: Json, stored: Json) -> dict[str, Json]:
    """The devices that the server stored otherwise than they were sent: canonical text of the sent one -> stored one."""
    kept = {device.get("name"): device for device in _devices(stored)}
    pairs = ((device, kept.get(device.get("name"))) for device in _devices(sent))
    return {_canonical(device): other for device, other in pairs if other is not None and other != device}


def forget(learned: Learned, wanted: Pool) -> dict[str, Json]:
    """Only what is still wanted, so that what was learned does not grow."""
    present = {_canonical(device) for device in chain.from_iterable(wanted.pages)}
    return {key: device for key, device in learned.items() if key in present}


def dropped(sent: Json, stored: Json) -> tuple[str, ...]:
    """Fields of devices that the server did not keep, as ``device: field``."""
    kept = {device.get("name"): device for device in _devices(stored)}
    return tuple(
        f"{device.get('name')}: {name}"
        for device in _devices(sent)
        for name in sorted(device.keys() - kept.get(device.get("name"), {}).keys())
    )


def object_name(index: int, driver: str, node: str) -> str:
    """The slice's name. It sorts by index, because the scheduler goes through slices by name.

    Fixed rather than generated, so that a create whose answer was lost cannot leave a second slice behind.
    """
    name = f"{index:05x}-{driver}-{node}"
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(f"{driver}/{node}".encode()).hexdigest()[:16]
    return f"{name[: MAX_NAME - 17].rstrip('.-')}-{digest}"


def _current(wanted: Pool, existing: tuple[Json, ...]) -> dict[int, Json]:
    """The slices that stay, by index: of our pool, an index in range, and the newest generation there is of it."""
    found: dict[int, Json] = {}
    for body in existing:
        index = _index(wanted, body)
        if index is not None and (index not in found or _generation(body) > _generation(found[index])):
            found[index] = body
    return found


def _index(wanted: Pool, body: Json) -> int | None:
    match = INDEX.match(body["metadata"]["name"])
    if match is None or body["spec"].get("pool", {}).get("name") != wanted.node:
        return None
    index = int(match.group(1), 16)
    return index if index < len(wanted.pages) else None


def _same(wanted: Pool, index: int, body: Json, learned: Learned) -> bool:
    spec = _spec(wanted, index, _generation(body))
    spec["devices"] = [learned.get(_canonical(device), device) for device in wanted.pages[index]]
    actual = {**body["spec"], "devices": _devices(body)}
    return actual == spec and body["metadata"].get("ownerReferences") == _owners(wanted)


def _replace(wanted: Pool, index: int, body: Json, generation: int) -> Json:
    metadata = {
        "name": body["metadata"]["name"],
        "resourceVersion": body["metadata"].get("resourceVersion"),
        "uid": body["metadata"].get("uid"),
        "ownerReferences": _owners(wanted),
    }
    return _body({key: value for key, value in metadata.items() if value is not None}, _spec(wanted, index, generation))


def _create(wanted: Pool, index: int, generation: int) -> Json:
    name = object_name(index, wanted.driver, wanted.node)
    return _body({"name": name, "ownerReferences": _owners(wanted)}, _spec(wanted, index, generation))


def _body(metadata: Json, spec: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": "ResourceSlice", "metadata": metadata, "spec": spec}


def _spec(wanted: Pool, index: int, generation: int) -> dict[str, object]:
    return {
        "driver": wanted.driver,
        "nodeName": wanted.node,
        "pool": {"name": wanted.node, "generation": generation, "resourceSliceCount": len(wanted.pages)},
        "devices": list(wanted.pages[index]),
    }


def _owners(wanted: Pool) -> list[Json]:
    return [
        {"apiVersion": "v1", "kind": "Node", "name": wanted.node, "uid": wanted.node_uid, "controller": True},
    ]


def _generation(body: Json) -> int:
    generation = body["spec"].get("pool", {}).get("generation", 0)
    return generation if isinstance(generation, int) else 0


def _devices(body: Json) -> list[Json]:
    return list(body["spec"].get("devices") or ())


def _canonical(device: Json) -> str:
    return json.dumps(device, sort_keys=True, separators=(",", ":"))
