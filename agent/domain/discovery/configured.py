"""What the node's administrator says of the devices: which are published, and what more is told of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.domain.discovery.catalogue import ordered
from ports.devices import AttributeValue, Device
from ports.nodeconfig import NodeConfig, Traits, extra_attributes, is_selected, multus_resource

MULTUS = "k8s.cni.cncf.io"


def configured(devices: Iterable[Device], config: NodeConfig, driver: str) -> tuple[Device, ...]:
    """The devices that the configuration selects, with its attributes; a device's own attributes are never replaced."""
    chosen = ((device, traits(device, driver)) for device in devices)
    return tuple(_told(device, of, config, driver) for device, of in chosen if is_selected(config, of))


def traits(device: Device, driver: str) -> Traits:
    """What a device is selected by, as far as it is published."""
    macs = (_text(device, f"{driver}/mac"), device.identity.permanent_address or "")
    return Traits(
        names=(device.interface,) if device.interface else (),
        pci_address=device.identity.pci_address or _text(device, f"{driver}/pciAddress"),
        driver=_text(device, f"{driver}/driver") or device.identity.link_kind,
        vendor=_text(device, f"{driver}/pciVendorID"),
        device=_text(device, f"{driver}/pciDeviceID"),
        macs=tuple(filter(None, macs)),
    )


def _told(device: Device, of: Traits, config: NodeConfig, driver: str) -> Device:
    added: dict[str, AttributeValue] = dict(extra_attributes(config, of))
    resource = multus_resource(config, of)
    if resource and of.pci_address:  # Multus finds a device by its PCI address alone
        added |= {f"{MULTUS}/resourceName": resource, f"{MULTUS}/deviceID": of.pci_address}
    return replace(device, attributes=ordered({**added, **device.attributes}, driver)) if added else device


def _text(device: Device, name: str) -> str:
    value = device.attributes.get(name)
    return value if isinstance(value, str) else ""
