"""What the server made of a slice it was sent: fields it dropped, devices it keeps otherwise, times it gave to taints.

A server whose feature gates are off drops fields without a word, and a driver that only compares sends them for ever.
``timeAdded`` of a taint is the server's: it is never compared, and sent along when the slice is written again, because
the server would take the taint for a new one without it (KEP-5055: how long a pod may tolerate it counts from there).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ports.cluster import Json

Learned = Mapping[str, tuple[Json, Json]]  # by device: as it was sent, and as it was stored
Times = Mapping[tuple[str, str, str, str], str]  # by device and taint: since when
ADDED = "timeAdded"


def devices_of(body: Json) -> list[Json]:
    """The devices of a slice; the server leaves empty lists out."""
    return list(body["spec"].get("devices") or ())


def learn(sent: Json, stored: Json) -> dict[str, tuple[Json, Json]]:
    """The devices that the server stored otherwise than they were sent."""
    kept = {device.get("name"): timeless(device) for device in devices_of(stored)}
    pairs = ((device, kept.get(device["name"])) for device in map(timeless, devices_of(sent)))
    return {device["name"]: (device, other) for device, other in pairs if other is not None and other != device}


def dropped(sent: Json, stored: Json) -> frozenset[str]:
    """The fields of devices that were sent and that no device has now: their feature is switched off."""
    kept = {name for device in devices_of(stored) for name in device}
    return frozenset(name for device in devices_of(sent) for name in device) - kept if kept else frozenset()


def is_kept(device: Json, stored: Json, learned: Learned) -> bool:
    """Whether the server has the device as it is wanted, or as it makes of it each time."""
    if device == stored:
        return True
    stored = timeless(stored)
    return device == stored or learned.get(device["name"]) == (device, stored)


def times(bodies: Iterable[Json]) -> Times:
    """Since when each device has each of its taints."""
    found = ((device, taint) for body in bodies for device in devices_of(body) for taint in device.get("taints") or ())
    return {_key(device, taint): taint[ADDED] for device, taint in found if taint.get(ADDED)}


def timed(device: Json, since: Times) -> Json:
    """The device with the times of the taints that it has already."""
    if not device.get("taints"):
        return device
    dated = ((taint, since.get(_key(device, taint))) for taint in device["taints"])
    return {**device, "taints": [{**taint, ADDED: time} if time else taint for taint, time in dated]}


def _key(device: Json, taint: Json) -> tuple[str, str, str, str]:
    return device.get("name", ""), taint.get("key", ""), taint.get("value") or "", taint.get("effect", "")


def timeless(device: Json) -> Json:
    """The device without the times that the server gave to its taints."""
    if not device.get("taints"):
        return device
    taints = [{name: value for name, value in taint.items() if name != ADDED} for taint in device["taints"]]
    return {**device, "taints": taints}
