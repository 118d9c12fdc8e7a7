"""Attributes of the RDMA side of a device."""

from __future__ import annotations

from collections.abc import Sequence

from agent.domain.discovery.interface import Attributes
from ports.discovery import RdmaDevice
from ports.hardware import RdmaPort


def attributes(found: Sequence[RdmaDevice], port: str) -> Attributes:
    """Always whether; and which and how, of the first by name where there are several. ``port`` as in ``Hardware``."""
    yield "rdma", bool(found)
    if found:
        first = min(found, key=lambda each: each.rdma.name)
        yield "rdmaDevice", first.rdma.name
        if first.facts.node_guid:
            yield "nodeGuid", first.facts.node_guid
        mine = port_of(first, port)
        if mine is not None:
            yield from _port(mine)


def port_of(found: RdmaDevice, port: str) -> RdmaPort | None:
    """The RDMA port of an interface: the first, or that of its ``dev_port``, which is counted from 0."""
    number = int(port[4:]) + 1 if port.startswith("port") and port[4:].isdigit() else 1
    ports = found.facts.ports
    return next((each for each in ports if each.number == number), ports[0] if ports else None)


def _port(port: RdmaPort) -> Attributes:
    told = (("linkLayer", port.link_layer), ("rdmaState", port.state), ("portGuid", port.guid))
    yield from ((name, value) for name, value in told if value)
    if port.rate is not None:
        yield "rdmaRate", port.rate
    if port.roce_v2_index is not None:
        yield "roceV2GidIndex", port.roce_v2_index
