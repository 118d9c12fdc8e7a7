"""The node's devices: those the host shows, and those that are in pods and therefore out of its sight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.domain.discovery import names
from ports.devices import Device, Inventory
from ports.outbox import Holding


def complete(inventory: Inventory, held: tuple[Holding, ...]) -> tuple[Device, ...]:
    """What the host shows, with the held devices that it does not show; what is shown wins, sorted by name.

    An RDMA device that the host still shows while its interface is in a pod is part of what is held.
    """
    interfaces = {device.name for device in _all(held) if device.interface}
    seen = shown(inventory, held)
    there = {device.name: device for device in seen if device.interface or device.name not in interfaces}
    away = {
        device.name: device for device in _all(held) if device.name not in there and not _renamed(device, inventory)
    }
    return tuple(device for _, device in sorted({**away, **there}.items()))


def shown(inventory: Inventory, held: tuple[Holding, ...]) -> tuple[Device, ...]:
    """What the host shows, under the names that claims know.

    Of several interfaces of a PCI function that no port tells apart, the host may show one now, or another card in the same
    place: it must not be taken for the one that a claim has. The claim's keeps its name, others have a mark of their own.
    """
    taken: dict[str, list[Device]] = defaultdict(list)
    for device in _all(held):
        taken[_place(device)].append(device)
    named = ((device, _name(device, taken[_place(device)])) for device in inventory.devices if _place(device) in taken)
    others = {device.name: name for device, name in named if name != device.name}
    return tuple(
        replace(device, name=others[device.name]) if device.name in others else device for device in inventory.devices
    )


def _place(device: Device) -> str:
    """What two devices have in common that may be taken for each other."""
    return device.identity.pci_address or device.name


def _all(held: Iterable[Holding]) -> Iterator[Device]:
    return (device for holding in held for device in holding.devices)


def _name(device: Device, taken: Iterable[Device]) -> str:
    base = names.unmarked(device.name, _itself(device))
    rivals = [other for other in taken if _has_name_of(other, base) and _is_rival(device, other)]
    itself = [other.name for other in rivals if other.identity.same_device(device.identity)]
    if itself:
        return itself[0]
    return names.marked(base, _itself(device)) if rivals else device.name


def _has_name_of(other: Device, base: str) -> bool:
    return other.name in (base, names.marked(base, _itself(other)))


def _is_rival(device: Device, other: Device) -> bool:
    """Both with or both without an interface, and known enough to be told apart."""
    mine, its = device.identity, other.identity
    alike = mine.pci_address == its.pci_address and bool(device.interface) == bool(other.interface)
    return alike and None not in (mine.rdma or mine.permanent_address, its.rdma or its.permanent_address)


def _itself(device: Device) -> str:
    """What marks are made of (``discovery.names``)."""
    return device.identity.rdma or device.identity.permanent_address or device.interface


def _renamed(device: Device, inventory: Inventory) -> bool:
    """Whether the host shows this very hardware under another name; PCI devices are named by their place and never are."""
    known = device.identity.permanent_address
    return known is not None and any(device.identity.same_device(other.identity) for other in inventory.devices)
