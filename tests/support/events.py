"""All of the kernel's voices in a network namespace, for tests."""

from __future__ import annotations

from adapters.events.sources import Sources
from adapters.netlink.events import NetlinkEvents
from adapters.netlink.nsfs import inside
from adapters.udev.events import DeviceEvents


def sources_inside(namespace: int, needed: tuple[str, ...] = ()) -> tuple[Sources, NetlinkEvents]:
    """Network and device events of the namespace of that descriptor, and the first of the two alone."""
    network, devices = inside(namespace, lambda: (NetlinkEvents(needed), DeviceEvents()))
    return Sources((network, devices)), network
