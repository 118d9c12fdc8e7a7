"""What a device can carry."""

from __future__ import annotations

from collections.abc import Sequence

from agent.domain.discovery.rdma import port_of
from ports.devices import Link
from ports.discovery import RdmaDevice
from ports.hardware import Hardware

BANDWIDTH = "bandwidth"
BITS = 1_000_000  # a second, in Mb/s
SUMS = ("bond", "team")  # virtual links whose speed is that of hardware; a veth's is made up


def bandwidth(link: Link | None, hardware: Hardware, rdma: Sequence[RdmaDevice]) -> dict[str, int]:
    """In bits a second, as the link runs now; nothing without a carrier. Of an RDMA device without interface, its port's."""
    if link is None:
        speed = _rate(rdma, hardware)
    elif hardware.virtual and link.identity.link_kind not in SUMS:
        speed = None
    else:
        speed = hardware.settings.speed or _rate(rdma, hardware)
    return {BANDWIDTH: speed * BITS} if speed else {}


def _rate(rdma: Sequence[RdmaDevice], hardware: Hardware) -> int | None:
    ports = (port_of(each, hardware.port) for each in rdma)
    return max((port.rate for port in ports if port is not None and port.rate and port.state == "active"), default=None)
