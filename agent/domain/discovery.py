"""What a host's interfaces are as devices: names that stay, and attributes that classes and claims select by.

Names and attributes are DRANET's, so that its users' DeviceClasses work unchanged: ``pci-0000-8a-00-0`` for a PCI
function, the interface's own name for others. A name depends on the device alone and not on its neighbours, since a
device that goes away must not hand its name to another. An RDMA device without an interface (InfiniBand, EFA) is a device
of its own, and has only the attributes that it can have.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from ports.devices import AttributeValue, Device, Identity, Link
from ports.discovery import Hardware, RdmaDevice

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
BUS_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]")  # pattern of resource.kubernetes.io/pciBusID
GENERATED = ("pci-", "net-")
NODE_INTERNAL = frozenset({"cilium_net", "cilium_host", "docker0"})  # DRANET's list
ROCE = "roce"
STANDARD = "resource.kubernetes.io"


def devices(
    links: Iterable[Link],
    hardware: Mapping[int, Hardware | None],
    uplinks: frozenset[int],
    driver: str,
    rdma: Iterable[RdmaDevice] = (),
    functions: Mapping[str, Hardware] | None = None,
) -> tuple[Device, ...]:
    """The devices to offer, by name. ``driver`` is the attributes' domain.

    ``hardware`` is by interface index, ``functions`` by PCI address, for the RDMA devices that have no interface.
    """
    offered, rdma = [link for link in links if _is_offered(link, uplinks)], tuple(rdma)
    facts = {link.identity.ifindex: hardware.get(link.identity.ifindex) or _guessed(link) for link in offered}
    named: dict[str, Device] = {}
    for link in sorted(offered, key=lambda link: link.identity.ifindex):
        known = facts[link.identity.ifindex]
        name = _free(_name(link, known), f"{link.identity.permanent_address} {link.name}", named)
        own = [found.rdma.name for found in rdma if found.interface == link.identity.ifindex]
        attributes = dict((*_attributes(link, known, driver), *_place(known, driver), *_rdma(own, driver)))
        named[name] = Device(name=name, identity=link.identity, interface=link.name, attributes=attributes)
    for alone in filter(_has_no_interface, rdma):
        known = (functions or {}).get(alone.pci_address or "") or Hardware(virtual=alone.pci_address is None)
        made = _rdma_only(alone, known, driver, named)
        named[made.name] = made
    return tuple(device for _, device in sorted(named.items()))


def _has_no_interface(found: RdmaDevice) -> bool:
    """RDMA over Ethernet always has an interface: where none is seen, it is in some pod, and so is the device's use."""
    return found.interface is None and found.protocol != ROCE


def _rdma_only(found: RdmaDevice, hardware: Hardware, driver: str, named: Mapping[str, Device]) -> Device:
    identity = Identity(ifindex=0, pci_address=found.pci_address, rdma=found.rdma.name)
    wanted = _function(found.pci_address) if found.pci_address else _labelled(found.rdma.name)
    name = _free(wanted, found.rdma.name, named)
    attributes = dict((*_place(hardware, driver), *_rdma([found.rdma.name], driver)))
    return Device(name=name, identity=identity, interface="", attributes=attributes)


def _is_offered(link: Link, uplinks: frozenset[int]) -> bool:
    if link.loopback or link.identity.ifindex in uplinks or link.name in NODE_INTERNAL:
        return False
    return link.name.isprintable() and not any("\ud800" <= char <= "\udfff" for char in link.name)


def _guessed(link: Link) -> Hardware:
    """Where sysfs shows nothing: hardware has no rtnetlink kind."""
    return Hardware(virtual=bool(link.identity.link_kind), pci_address=link.identity.pci_address)


def _name(link: Link, hardware: Hardware) -> str:
    if hardware.pci_address:
        function = _function(hardware.pci_address)
        port = re.sub(r"[^a-z0-9]+", "-", hardware.port.lower()).strip("-")
        return f"{function}-{port}"[:63].rstrip("-") if port else function
    return _labelled(link.name)


def _function(pci_address: str) -> str:
    return "pci-" + re.sub(r"[:.]", "-", pci_address)


def _labelled(name: str) -> str:
    if LABEL.fullmatch(name) and not name.startswith(GENERATED):
        return name
    return "net-" + base64.b32encode(name.encode()).decode().rstrip("=").lower()


def _free(name: str, itself: str, named: Mapping[str, Device]) -> str:
    """The name, or with a mark of the device itself where another has the name (two netdevs the driver tells nothing of)."""
    if name not in named:
        return name
    mark = hashlib.sha256(itself.encode()).hexdigest()[:8]
    return f"{name[:54]}-{mark}"


def _attributes(link: Link, hardware: Hardware, driver: str) -> Iterator[tuple[str, AttributeValue]]:
    yield f"{driver}/ifName", link.name
    yield f"{driver}/mac", link.mac
    yield f"{driver}/mtu", link.mtu
    yield f"{driver}/state", link.operstate
    yield f"{driver}/type", link.identity.link_kind or "device"
    yield f"{driver}/encapsulation", link.encapsulation
    yield f"{driver}/virtual", hardware.virtual


def _rdma(names: list[str], driver: str) -> Iterator[tuple[str, AttributeValue]]:
    """Always whether; and which, the first by name where there are several."""
    yield f"{driver}/rdma", bool(names)
    if names:
        yield f"{driver}/rdmaDevice", min(names)


def _place(hardware: Hardware, driver: str) -> Iterator[tuple[str, AttributeValue]]:
    if hardware.pci_address:
        yield f"{driver}/pciAddress", hardware.pci_address
        if BUS_ID.fullmatch(hardware.pci_address):
            yield f"{STANDARD}/pciBusID", hardware.pci_address
    if hardware.numa_node is not None:
        yield f"{driver}/numaNode", hardware.numa_node
        yield f"{STANDARD}/numaNode", hardware.numa_node
    if hardware.pcie_root:
        yield f"{STANDARD}/pcieRoot", hardware.pcie_root
