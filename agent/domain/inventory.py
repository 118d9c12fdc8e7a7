"""The node's devices: those the host shows, and those that are in pods and therefore out of its sight."""

from __future__ import annotations

from ports.devices import Device, Inventory
from ports.outbox import Holding


def complete(inventory: Inventory, held: tuple[Holding, ...]) -> tuple[Device, ...]:
    """What the host shows, with the held devices that it does not show; what is shown wins, sorted by name.

    An RDMA device that the host still shows while its interface is in a pod is part of what is held.
    """
    interfaces = {device.name for holding in held for device in holding.devices if device.interface}
    shown = {device.name: device for device in inventory.devices if device.interface or device.name not in interfaces}
    away = {
        device.name: device
        for holding in held
        for device in holding.devices
        if device.name not in shown and not _renamed(device, inventory)
    }
    return tuple(device for _, device in sorted({**away, **shown}.items()))


def _renamed(device: Device, inventory: Inventory) -> bool:
    """Whether the host shows this very hardware under another name; PCI devices are named by their place and never are."""
    known = device.identity.permanent_address
    return known is not None and any(device.identity.same_device(other.identity) for other in inventory.devices)
