"""How an attach went, as entries of the claim's ``status.devices``: for the user, and for whoever waits for Ready.

The condition types and reasons of a success are those DRANET's users know. A condition's transition time stays while its
status does, so that a report that comes twice changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

from agent.domain.claims import Allocated, allocated
from ports.cluster import Json
from ports.frontends import Outcome
from ports.results import AttachedDevice

READY, NETWORK_READY = "Ready", "NetworkReady"
REASONS = {READY: "NetworkDeviceReady", NETWORK_READY: "NetworkReady"}
FAILED, DETACHED = "AttachFailed", "Detached"
ENDED = "the pod's sandbox has ended"
MAX_IPS = 16
MAX_MESSAGE = 32768
NANOSECONDS = 1_000_000_000


def entries(outcome: Outcome, body: Json, driver: str) -> tuple[Json, ...]:
    """The full list of this driver's entries for the claim ``body``; only devices that it still has allocated.

    What has ended is told only of devices that there is an entry of.
    """
    attached = {_key(device): device for device in outcome.devices}
    now = datetime.fromtimestamp(outcome.at_ns // NANOSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {_stored_key(entry): entry for entry in present(body, driver)}
    told = before if outcome.ended else attached
    return tuple(
        _entry(driver, device, attached.get(_key(device)), outcome, before.get(_key(device), {}), now)
        for device in allocated(body, driver)
        if not device.admin_access and (_key(device) in told or (outcome.error and not outcome.ended))
    )


def present(body: Json, driver: str) -> tuple[Json, ...]:
    """This driver's entries as the claim has them now."""
    devices = (body.get("status") or {}).get("devices") or ()
    return tuple(entry for entry in devices if entry.get("driver") == driver)


def canonical_ips(addresses: tuple[str, ...]) -> list[str]:
    """As the API wants them: CIDR, canonical, each once, at most 16; without link-local and IPv4-mapped ones."""
    found = (ipaddress.ip_interface(address) for address in addresses)
    return list(dict.fromkeys(address.with_prefixlen for address in found if _reportable(address)))[:MAX_IPS]


def _reportable(address: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    if isinstance(address, ipaddress.IPv4Interface):
        return not address.ip.is_link_local
    return not address.ip.is_link_local and address.ip.ipv4_mapped is None and address.scope_id is None


def _entry(
    driver: str, device: Allocated, attached: AttachedDevice | None, outcome: Outcome, before: Json, now: str
) -> dict[str, object]:
    entry: dict[str, object] = {"driver": driver, "pool": device.pool, "device": device.device}
    if device.share_id is not None:
        entry["shareID"] = device.share_id
    entry["conditions"] = list(_conditions(outcome, before, now))
    if attached is not None and not outcome.error:
        entry["networkData"] = _network_data(attached)
    return entry


def _conditions(outcome: Outcome, before: Json, now: str) -> Iterator[Json]:
    earlier = {condition.get("type"): condition for condition in before.get("conditions") or ()}
    reason = DETACHED if outcome.ended else FAILED if outcome.error else ""
    message = outcome.error or (ENDED if outcome.ended else "")
    for kind in (READY, NETWORK_READY):
        status = "False" if reason else "True"
        same = earlier.get(kind, {}).get("status") == status
        yield {
            "type": kind,
            "status": status,
            "reason": reason or REASONS[kind],
            "message": message.encode("utf-8", "replace")[:MAX_MESSAGE].decode("utf-8", "ignore"),
            "lastTransitionTime": earlier[kind].get("lastTransitionTime", now) if same else now,
        }


def _network_data(device: AttachedDevice) -> Json:
    data = {
        "interfaceName": device.interface,
        "hardwareAddress": device.mac,
        "ips": canonical_ips(device.addresses),
    }
    return {key: value for key, value in data.items() if value}  # the server drops empty ones


def _key(device: Allocated | AttachedDevice) -> tuple[str, str, str | None]:
    return device.pool, device.device, device.share_id


def _stored_key(entry: Json) -> tuple[str, str, str | None]:
    return entry.get("pool", ""), entry.get("device", ""), entry.get("shareID")
