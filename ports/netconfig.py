"""The parameters a claim or class gives for a device: DRANET's schema, decoded strictly, every mistake with its path.

``parameters`` is a plain object without apiVersion and kind. A field that is not given stays None ("unset"), which is
distinct from false, 0 and an empty list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ports.devices import MAIN_TABLE, SCOPE_LINK, SCOPE_UNIVERSE
from ports.plain import Malformed, parse

MAX_NAME_BYTES = 15  # IFNAMSIZ - 1, linux/if.h
MIN_MTU = 68  # RFC 791
MAC = re.compile(r"[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}")
RESERVED_NAMES = frozenset({"lo", "eth0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class InterfaceConfig:
    """The interface in the pod. ``addresses`` are CIDRs; not given: the host's addresses are taken along."""

    name: str | None = None
    addresses: tuple[str, ...] | None = None
    mtu: int | None = None
    hardwareAddr: str | None = None  # noqa: N815 - DRANET's key


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteConfig:
    """One route; ``destination`` is a CIDR; ``scope`` 0 (universe, needs a gateway) or 253 (link)."""

    destination: str
    gateway: str | None = None
    source: str | None = None
    scope: int = SCOPE_UNIVERSE
    table: int = MAIN_TABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Everything a claim can say about one device. ``routes`` given, even empty, replaces those of an earlier layer."""

    interface: InterfaceConfig = InterfaceConfig()
    routes: tuple[RouteConfig, ...] | None = None


class InvalidConfig(ValueError):
    """Parameters that can never be carried out; ``mistakes`` holds all of them, each with its path."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def decode(parameters: Mapping[str, Any] | None) -> NetworkConfig:
    """The parameters as a value; ``InvalidConfig`` when they cannot be carried out. None or empty: all defaults."""
    try:
        config = parse(NetworkConfig, dict(parameters or {}), "parameters")
    except Malformed as error:
        raise InvalidConfig((str(error),)) from error
    mistakes = (*_interface_mistakes(config.interface), *_route_mistakes(config.routes or ()))
    if mistakes:
        raise InvalidConfig(mistakes)
    return config


def _interface_mistakes(interface: InterfaceConfig) -> Iterator[str]:
    path = "parameters.interface"
    if interface.name is not None:
        yield from (f"{path}.name: {mistake}" for mistake in name_mistakes(interface.name))
    for index, address in enumerate(interface.addresses or ()):
        if not _is_prefix(address):
            yield f"{path}.addresses[{index}]: {address!r} is no address with prefix length, such as 10.0.0.5/24"
    if interface.mtu is not None and interface.mtu < MIN_MTU:
        yield f"{path}.mtu: {interface.mtu} is below the least MTU of IPv4, {MIN_MTU}"
    if interface.hardwareAddr is not None and not MAC.fullmatch(interface.hardwareAddr):
        yield f"{path}.hardwareAddr: {interface.hardwareAddr!r} is no MAC address of six bytes, such as 02:00:5e:10:00:01"


def name_mistakes(name: str) -> Iterator[str]:
    """What is wrong with an interface name, if anything (dev_valid_name in net/core/dev.c; DRANET's rules on top)."""
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        yield f"{name!r} is longer than {MAX_NAME_BYTES} bytes"
    if name in ("", ".", "..") or not all(char.isalnum() or char in "-_." for char in name):
        yield f"{name!r} may hold only letters, digits, '-', '_' and '.'"
    if name in RESERVED_NAMES:
        yield f"{name!r} belongs to the pod's own network"


def _route_mistakes(routes: tuple[RouteConfig, ...]) -> Iterator[str]:
    for index, route in enumerate(routes):
        yield from (f"parameters.routes[{index}].{mistake}" for mistake in _one_route_mistakes(route))


def _one_route_mistakes(route: RouteConfig) -> Iterator[str]:
    destination = _network(route.destination)
    if destination is None:
        yield f"destination: {route.destination!r} is no network, such as 10.1.0.0/16 (a host route needs /32 or /128)"
    if route.scope not in (SCOPE_UNIVERSE, SCOPE_LINK):
        yield f"scope: {route.scope} is neither {SCOPE_UNIVERSE} (universe) nor {SCOPE_LINK} (link)"
    if route.gateway is None and route.scope == SCOPE_UNIVERSE:
        yield f"gateway: needed unless scope is {SCOPE_LINK} (link)"
    if not 0 <= route.table <= 0xFFFFFFFF:
        yield f"table: {route.table} is no routing table number"
    for key, value in (("gateway", route.gateway), ("source", route.source)):
        if value is not None:
            yield from (f"{key}: {mistake}" for mistake in _family_mistakes(value, destination))


def _family_mistakes(value: str, destination: ipaddress.IPv4Network | ipaddress.IPv6Network | None) -> Iterator[str]:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        yield f"{value!r} is no IP address"
        return
    if destination is not None and address.version != destination.version:
        yield f"{value} and the destination {destination} are of different families"


def _is_prefix(text: str) -> bool:
    if "/" not in text or "%" in text:
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
