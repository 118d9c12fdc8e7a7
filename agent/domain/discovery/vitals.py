"""What a device's health is judged by, from the facts of the host."""

from __future__ import annotations

from collections.abc import Iterable

from agent.domain.discovery.rdma import port_of
from ports.devices import Link
from ports.discovery import RdmaDevice
from ports.hardware import Hardware
from ports.vitals import Vitals, carrier, idle


def vitals(link: Link | None, hardware: Hardware, own: Iterable[RdmaDevice]) -> Vitals:
    """``link`` is None for an RDMA device without an interface, which has no administrative state either."""
    found = ((each.rdma.name, port_of(each, hardware.port)) for each in own)
    ports = tuple(text for name, port in found if port is not None for text in idle(name, port.number, port.state))
    errors = hardware.function.errors
    if link is None:
        return Vitals(idle_ports=ports, errors=errors)
    return Vitals(
        up=link.up,
        carrier=carrier(link.operstate),
        losses=link.carrier_losses,
        idle_ports=ports,
        errors=errors,
    )
