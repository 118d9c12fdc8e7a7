"""Devices as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ports.devices import Device

COLUMNS = ("DEVICE", "INTERFACE", "TYPE", "STATE", "SPEED", "RDMA", "PCI ROOT", "NUMA", "VF OF")
STANDARD = "resource.kubernetes.io"


def table(devices: Iterable[Device], others: Iterable[tuple[str, str]], driver: str) -> str:
    """One line a device, and below them the interfaces that are none, with the reason."""
    lines = [COLUMNS, *(_row(device, driver) for device in devices)]
    told = _aligned(lines) if len(lines) > 1 else ["No devices."]
    left = [f"  {name}: {reason}" for name, reason in others]
    return "\n".join([*told, *(["", "Not published:", *left] if left else [])]) + "\n"


def _row(device: Device, driver: str) -> tuple[str, ...]:
    def told(name: str, domain: str = driver) -> str:
        value = device.attributes.get(f"{domain}/{name}", "-")
        return str(value[0]) if isinstance(value, tuple) else str(value)

    speed = device.capacity.get(f"{driver}/bandwidth")
    return (
        device.name,
        device.interface or "-",
        told("type"),
        told("state") if device.interface else told("rdmaState"),
        f"{speed / 1e9:g}G" if speed else "-",
        told("rdmaDevice"),
        told("pcieRoot", STANDARD),
        told("numaNode"),
        told("pfName") if f"{driver}/pfName" in device.attributes else told("pfPciAddress"),
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
