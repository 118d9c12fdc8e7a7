"""How an attach went, as entries of the claim's ``status.devices``: for the user, and for whoever waits for Ready.

The condition types and reasons of a success are those DRANET's users know. A condition's transition time stays while its
status does, so that a report that comes twice changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agent.domain.claims import Allocated, allocated
from ports.cluster import Json
from ports.frontends import Outcome
from ports.results import AttachedDevice

READY, NETWORK_READY, RDMA_READY = "Ready", "NetworkReady", "RDMALinkReady"
KINDS = (READY, NETWORK_READY, RDMA_READY)
REASONS = {READY: "NetworkDeviceReady", NETWORK_READY: "NetworkReady", RDMA_READY: "RDMALinkReady"}
RDMA_ONLY, NO_FILES = "RDMAOnlyDeviceReady", "NoDeviceFiles"
NO_VERBS = "there is no uverbs device file for {}: the kernel module ib_uverbs is missing"
FAILED, DETACHED = "AttachFailed", "Detached"
ENDED = "the pod's sandbox has ended"
MAX_IPS = 16
MAX_MESSAGE = 32768
NANOSECONDS = 1_000_000_000
State = tuple[str, str, str]  # kind, reason, message


def entries(outcome: Outcome, body: Json, driver: str, data: Callable[[str], Json] = lambda _: {}) -> tuple[Json, ...]:
    """The full list of this driver's entries for the claim ``body``; only devices that it still has allocated.

    What has ended is told only of devices that there is an entry of. ``data`` gives what else is known of a device by name.
    """
    attached = {_key(device): device for device in outcome.devices}
    now = datetime.fromtimestamp(outcome.at_ns // NANOSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {_stored_key(entry): entry for entry in present(body, driver)}
    told = before if outcome.ended else attached
    return tuple(
        _entry(driver, device, attached.get(_key(device)), outcome, before.get(_key(device), {}), now, data)
        for device in allocated(body, driver)
        if not device.admin_access and (_key(device) in told or (outcome.error and not outcome.ended))
    )


def present(body: Json, driver: str) -> tuple[Json, ...]:
    """This driver's entries as the claim has them now."""
    devices = (body.get("status") or {}).get("devices") or ()
    return tuple(entry for entry in devices if entry.get("driver") == driver)


def canonical_ips(addresses: tuple[str, ...]) -> list[str]:
    """As the API wants them: CIDR, canonical, each once, at most 16; without those of IPv6 that are of no use elsewhere."""
    found = (ipaddress.ip_interface(address) for address in addresses)
    return list(dict.fromkeys(address.with_prefixlen for address in found if _reportable(address)))[:MAX_IPS]


def _reportable(address: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    if isinstance(address, ipaddress.IPv4Interface):
        return True
    return not address.ip.is_link_local and address.ip.ipv4_mapped is None and address.scope_id is None


def _entry(
    driver: str,
    device: Allocated,
    attached: AttachedDevice | None,
    outcome: Outcome,
    before: Json,
    now: str,
    data: Callable[[str], Json],
) -> dict[str, object]:
    entry: dict[str, object] = {"driver": driver, "pool": device.pool, "device": device.device}
    if device.share_id is not None:
        entry["shareID"] = device.share_id
    earlier = {condition.get("type"): condition for condition in before.get("conditions") or ()}
    states = _states(outcome, attached, tuple(earlier))
    entry["conditions"] = [_condition(*state, earlier.get(state[0], {}), now) for state in states]
    if attached is not None and attached.interface and not outcome.error:
        entry["networkData"] = _network_data(attached)
        if found := data(device.device):
            entry["data"] = found
    return entry


def _states(outcome: Outcome, attached: AttachedDevice | None, told: tuple[str, ...]) -> Iterator[State]:
    """What is to be said of each kind: for a device that is not there any more, of those that were told before."""
    if outcome.error or outcome.ended or attached is None:
        reason, message = (DETACHED, outcome.error or ENDED) if outcome.ended else (FAILED, outcome.error)
        yield from ((kind, reason, message) for kind in KINDS if kind in (told or (READY, NETWORK_READY)))
        return
    if attached.interface:
        yield READY, REASONS[READY], ""
        yield NETWORK_READY, REASONS[NETWORK_READY], ""
    else:
        yield READY, RDMA_ONLY, ""
    if attached.rdma and not attached.nodes:
        yield RDMA_READY, NO_FILES, NO_VERBS.format(", ".join(attached.rdma))
    elif attached.rdma_moved:
        yield RDMA_READY, REASONS[RDMA_READY], ""


def _condition(kind: str, reason: str, message: str, earlier: Json, now: str) -> Json:
    """A condition with a message is not true; its time is that of the last change of its status."""
    status = "False" if message or reason in (FAILED, DETACHED) else "True"
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message.encode("utf-8", "replace")[:MAX_MESSAGE].decode("utf-8", "ignore"),
        "lastTransitionTime": earlier.get("lastTransitionTime", now) if earlier.get("status") == status else now,
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
