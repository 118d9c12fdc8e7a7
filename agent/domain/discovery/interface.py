"""Attributes of the interface itself: link, addresses, programs, the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from ports.devices import AttributeValue, Link, Program
from ports.hardware import Hardware, LinkSettings, WireNeighbour

Attributes = Iterator[tuple[str, AttributeValue]]
MOST_BYTES = 64  # of a text in a ResourceSlice


def attributes(link: Link, hardware: Hardware) -> Attributes:
    """By names without the driver's domain."""
    yield "ifName", link.name
    yield "mac", link.mac
    yield "mtu", link.mtu
    yield "state", link.operstate
    yield "type", link.identity.link_kind or "device"
    yield "encapsulation", link.encapsulation
    yield "virtual", hardware.virtual
    yield "alias", hardware.details.alias
    yield from _addresses(hardware.details.addresses)
    yield from _programs(hardware.programs)
    yield from _settings(hardware.settings)
    yield from _port(hardware)
    yield from _neighbour(hardware.neighbour)


def _addresses(addresses: Iterable[str]) -> Attributes:
    """Global unicast ones, as text in the order of text, as many as fit."""
    parsed = sorted((str(each), each) for each in map(ip_interface, addresses))
    for version in (4, 6):
        usable = [text for text, each in parsed if each.version == version and _is_global_unicast(each.ip)]
        if usable:
            yield f"ipv{version}", joined(usable)


def _is_global_unicast(address: object) -> bool:
    """As Go's net.IP has it: private networks are global."""
    kinds = ("is_unspecified", "is_loopback", "is_multicast", "is_link_local")
    return not any(getattr(address, kind) for kind in kinds) and str(address) != "255.255.255.255"


def _programs(programs: tuple[Program, ...] | None) -> Attributes:
    if programs is None:
        return
    yield "ebpf", bool(programs)
    for kind, name in (("tc-", "tcFilterNames"), ("tcx-", "tcxProgramNames")):
        there = [each.name or f"id{each.id}" for each in programs if each.hook.startswith(kind)]
        if there:
            yield name, joined(there)


def _settings(settings: LinkSettings) -> Attributes:
    if settings.speed is not None:
        yield "linkSpeed", settings.speed
    told = (
        ("duplex", settings.duplex),
        ("driverVersion", settings.driver_version),
        ("firmwareVersion", settings.firmware),
    )
    yield from ((name, value) for name, value in told if value)


def _port(hardware: Hardware) -> Attributes:
    if hardware.details.port_name:
        yield "portName", hardware.details.port_name
    if hardware.details.switch_id:
        yield "switchID", hardware.details.switch_id


def _neighbour(neighbour: WireNeighbour | None) -> Attributes:
    if neighbour is not None:
        told = (("lldpSystem", neighbour.system), ("lldpChassis", neighbour.chassis), ("lldpPort", neighbour.port))
        yield from ((name, value) for name, value in told if value)


def joined(values: Iterable[str]) -> str:
    """With commas, as many from the beginning as fit into an attribute; one that is too long by itself is cut there."""
    text = ""
    for value in values:
        longer = f"{text},{value}" if text else value
        if text and len(longer.encode()) > MOST_BYTES:
            break
        text = longer
    return text
