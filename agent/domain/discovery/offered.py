"""Which interfaces are devices that a claim may have, and why others are none."""

from __future__ import annotations

from collections.abc import Container

from ports.devices import Link
from ports.discovery import RdmaDevice
from ports.hardware import Hardware

NODE_INTERNAL = frozenset({"cilium_net", "cilium_host", "docker0"})  # DRANET's list
ROCE = "roce"


def why_not(link: Link, hardware: Hardware | None, uplinks: Container[int]) -> str:
    """Why the interface is not offered, in a few words; empty: it is.

    A port serves its bridge, bond or VRF; the dataplane gives it to nobody. A representor is the switch's side of a virtual
    function: taken away, the function of some other pod is cut off.
    """
    if link.loopback:
        return "loopback"
    if link.identity.ifindex in uplinks:
        return "the node's own connection, or what it stands on"
    if link.master is not None:
        return f"a port of interface #{link.master}"
    if link.name in NODE_INTERNAL:
        return "the node's own"
    if hardware is not None and hardware.details.representor:
        return f"representor {hardware.details.port_name}".rstrip()
    if not link.name.isprintable() or any("\ud800" <= char <= "\udfff" for char in link.name):
        return "its name is no text"
    return ""


def is_alone(found: RdmaDevice) -> bool:
    """Whether an RDMA device is one without an interface.

    RDMA over Ethernet always has an interface: where none is seen, it is in some pod, and so is the device's use.
    """
    return found.interface is None and found.protocol != ROCE
