"""A device with what its platform says of it: a platform adds, and never changes what this node knows by itself.

An attribute that the device has stays; the domains of Kubernetes are nobody's to write in, because schedulers and other
drivers' classes trust them.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from ports.devices import AttributeValue, Device
from ports.providers import Description, DeviceIds

RESERVED = ("kubernetes.io", "k8s.io")


def identifiers(device: Device, driver: str) -> DeviceIds:
    """How a platform may know this device."""
    mac = device.attributes.get(f"{driver}/mac") or device.identity.permanent_address or ""
    return DeviceIds(
        device=device.name,
        interface=device.interface,
        mac=str(mac),
        pci_address=device.identity.pci_address,
        rdma=str(device.attributes.get(f"{driver}/rdmaDevice") or device.identity.rdma or ""),
    )


def enriched(device: Device, description: Description | None, driver: str) -> Device:
    """The device with the description's attributes; itself when there is nothing to add."""
    if description is None:
        return device
    known = device.attributes.keys()
    added = {name: value for name, value in _qualified(description, driver).items() if _is_new(name, known)}
    return replace(device, attributes={**device.attributes, **added}) if added else device


def refused(device: Device, description: Description, driver: str) -> tuple[str, ...]:
    """What of the description is not published, and why; for the log."""
    return tuple(
        f"attribute {name} is not taken from the platform: {_reason(name)}"
        for name in sorted(_qualified(description, driver))
        if not _is_new(name, device.attributes.keys())
    )


def _qualified(description: Description, driver: str) -> dict[str, AttributeValue]:
    """A name without a domain is in the driver's, by the API's rules."""
    return {name if "/" in name else f"{driver}/{name}": value for name, value in description.attributes.items()}


def _is_new(name: str, known: Container[str]) -> bool:
    return not _is_reserved(name) and name not in known


def _is_reserved(name: str) -> bool:
    domain = name.partition("/")[0]
    return any(domain == each or domain.endswith(f".{each}") for each in RESERVED)


def _reason(name: str) -> str:
    return "its domain is reserved" if _is_reserved(name) else "the node knows it by itself"
