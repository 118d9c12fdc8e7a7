"""What ResourceSlices the node should have, and the fewest writes that lead there; pure.

A pool is the set of slices with the highest generation, complete when there are ``resourceSliceCount`` of them. So a
change of one slice is written in place, and anything that adds, removes or changes several slices gets a new generation
over all of them: a consumer that sees some of the writes takes the pool for incomplete instead of for something that it
never was. Slices are told apart by the index at the beginning of their name. What the server made of an earlier write is
not written again (``agent.domain.kept``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.domain.attributes import Rendered
from agent.domain.kept import Learned, Times, devices_of, is_kept, timed, times
from agent.domain.paging import assign
from ports.cluster import Json

API_VERSION = "resource.k8s.io/v1"
MAX_NAME = 253
INDEX = re.compile(r"([0-9a-f]{5})-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The state wanted: ``pages`` holds the devices of each slice, by the index in the slice's name."""

    driver: str
    node: str
    node_uid: str
    pages: Mapping[int, tuple[Json, ...]]

    @property
    def places(self) -> dict[str, int]:
        """Which page each device is on."""
        return {device["name"]: index for index, page in self.pages.items() for device in page}


@dataclass(frozen=True, kw_only=True, slots=True)
class Writes:
    """What has to be done, in this order: delete by name, replace, create."""

    delete: tuple[str, ...] = ()
    update: tuple[Json, ...] = ()
    create: tuple[Json, ...] = ()

    def __len__(self) -> int:
        return len(self.delete) + len(self.update) + len(self.create)


def places(node: str, existing: Iterable[Json]) -> dict[str, int]:
    """Which page each device is on according to the slices there are: how a restarted process begins."""
    return {device["name"]: index for index, body in _indexed(node, existing) for device in devices_of(body)}


def pool(devices: Iterable[Rendered], driver: str, node: str, node_uid: str, where: Mapping[str, int]) -> Pool:
    """The node's pool with these devices, each ``where`` it is already if it can stay there.

    An empty pool is one slice without devices: known, and nothing there.
    """
    named = {device.name: device for device in devices}
    pages = assign({name: device.extras for name, device in named.items()}, where)
    bodies = {index: tuple(named[name].body for name in names) for index, names in pages.items()}
    return Pool(driver=driver, node=node, node_uid=node_uid, pages=bodies)


def diff(wanted: Pool, existing: tuple[Json, ...], learned: Learned | None = None) -> Writes:
    """The writes from the slices there are to the slices wanted; nothing when they are the same already."""
    current = _current(wanted, existing)
    stays = {body["metadata"]["name"] for body in current.values()}
    obsolete = tuple(body["metadata"]["name"] for body in existing if body["metadata"]["name"] not in stays)
    changed = [index for index in current if not _same(wanted, index, current[index], learned or {})]
    complete = len(current) == len(wanted.pages) and not obsolete
    generations = {_generation(body) for body in current.values()}
    if complete and not changed and len(generations) == 1:
        return Writes()
    since = times(existing)
    if complete and len(changed) == 1 and len(generations) == 1:
        (index,) = changed
        return Writes(update=(_replace(wanted, index, current[index], generations.pop(), since),))
    generation = max((_generation(body) for body in existing), default=0) + 1
    return Writes(
        delete=obsolete,
        update=tuple(_replace(wanted, index, body, generation, since) for index, body in sorted(current.items())),
        create=tuple(_create(wanted, index, generation, since) for index in wanted.pages if index not in current),
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
    """The slices that stay, by index: of our pool, an index that is used, and the newest generation there is of it."""
    found: dict[int, Json] = {}
    for index, body in _indexed(wanted.node, existing):
        if index in wanted.pages:
            found[index] = body
    return found


def _indexed(node: str, existing: Iterable[Json]) -> Iterator[tuple[int, Json]]:
    """The slices of our pool with the index in their name, the newest generation last."""
    for body in sorted(existing, key=_generation):
        match = INDEX.match(body["metadata"]["name"])
        if match is not None and (body["spec"].get("pool") or {}).get("name") == node:
            yield int(match.group(1), 16), body


def _same(wanted: Pool, index: int, body: Json, learned: Learned) -> bool:
    spec = _spec(wanted, _generation(body))
    if {name: body["spec"].get(name) for name in spec} != spec:  # what a newer server adds is its own affair
        return False
    if body["metadata"].get("ownerReferences") != _owners(wanted):
        return False
    stored = devices_of(body)
    pairs = zip(wanted.pages[index], stored, strict=False)
    return len(stored) == len(wanted.pages[index]) and all(is_kept(device, other, learned) for device, other in pairs)


def _replace(wanted: Pool, index: int, body: Json, generation: int, since: Times) -> Json:
    metadata = {
        "name": body["metadata"]["name"],
        "resourceVersion": body["metadata"].get("resourceVersion"),
        "uid": body["metadata"].get("uid"),
        "ownerReferences": _owners(wanted),
    }
    kept = {key: value for key, value in metadata.items() if value is not None}
    return _body(kept, _written(wanted, index, generation, since))


def _create(wanted: Pool, index: int, generation: int, since: Times) -> Json:
    name = object_name(index, wanted.driver, wanted.node)
    metadata = {"name": name, "ownerReferences": _owners(wanted)}
    return _body(metadata, _written(wanted, index, generation, since))


def _body(metadata: Json, spec: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": "ResourceSlice", "metadata": metadata, "spec": spec}


def _written(wanted: Pool, index: int, generation: int, since: Times) -> Json:
    devices = [timed(device, since) for device in wanted.pages[index]]
    return {**_spec(wanted, generation), "devices": devices}


def _spec(wanted: Pool, generation: int) -> dict[str, object]:
    return {
        "driver": wanted.driver,
        "nodeName": wanted.node,
        "pool": {"name": wanted.node, "generation": generation, "resourceSliceCount": len(wanted.pages)},
    }


def _owners(wanted: Pool) -> list[Json]:
    return [
        {"apiVersion": "v1", "kind": "Node", "name": wanted.node, "uid": wanted.node_uid, "controller": True},
    ]


def _generation(body: Json) -> int:
    generation = (body["spec"].get("pool") or {}).get("generation", 0)
    return generation if isinstance(generation, int) else 0
