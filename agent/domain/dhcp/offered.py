"""What a DHCPv4 server's options say, as values: routes, MTU, name servers. What cannot be is left out, never guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from agent.domain.dhcp.names import names, plain_name
from ports.dhcp import LeasedRoute

SUBNET_MASK, ROUTER, NAME_SERVERS, DOMAIN, MTU, STATIC_ROUTES = 1, 3, 6, 15, 26, 33
DOMAIN_SEARCH, CLASSLESS_ROUTES = 119, 121
LEAST_MTU = 576  # what every host takes (RFC 791); servers that say less are known to be in error
MOST_ROUTES, MOST_SERVERS = 64, 16
EVERYWHERE = "0.0.0.0/0"
CLASSES = ((0x80, 8), (0xC0, 16), (0xE0, 24))  # below which first byte an address has so many bits of network


def prefix_length(options: Mapping[int, bytes]) -> int:
    """The length of the subnet mask (option 1); without one that is a mask, the address stands alone."""
    mask = options.get(SUBNET_MASK, b"")
    number = int.from_bytes(mask, "big") if len(mask) == 4 else 0xFFFFFFFF
    inverse = number ^ 0xFFFFFFFF
    return 32 - inverse.bit_length() if inverse & (inverse + 1) == 0 and number else 32


def routes(options: Mapping[int, bytes]) -> tuple[LeasedRoute, ...]:
    """Of option 121 alone where it is there (RFC 3442), else of 33 and the first router of 3."""
    if CLASSLESS_ROUTES in options:
        found = _classless(options[CLASSLESS_ROUTES])
    else:
        found = (*_static(options.get(STATIC_ROUTES, b"")), *_default(options.get(ROUTER, b"")))
    by_destination = {route.destination: route for route in reversed(found)}
    return tuple(reversed(by_destination.values()))[:MOST_ROUTES]


def mtu(options: Mapping[int, bytes]) -> int | None:
    """The MTU (option 26), where it is one that an interface can have."""
    packed = options.get(MTU, b"")
    value = int.from_bytes(packed, "big")
    return value if len(packed) == 2 and value >= LEAST_MTU else None


def dns(options: Mapping[int, bytes]) -> tuple[str, ...]:
    """The name servers (option 6)."""
    found = (address for address in _addresses(options.get(NAME_SERVERS, b"")) if is_host(address))
    return tuple(dict.fromkeys(map(str, found)))[:MOST_SERVERS]


def search(options: Mapping[int, bytes]) -> tuple[str, ...]:
    """The domains to search (option 119), else the domain (option 15)."""
    return names(options.get(DOMAIN_SEARCH, b"")) or plain_name(options.get(DOMAIN, b""))


def is_host(address: IPv4Address) -> bool:
    """Whether an interface can have this address."""
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or address.is_reserved)


def _classless(data: bytes) -> tuple[LeasedRoute, ...]:
    """All of them or, when one cannot be read, none: the rest of it would begin at a wrong place."""
    found, offset = [], 0
    while offset < len(data):
        length = data[offset]
        octets = (length + 7) // 8
        end = offset + 1 + octets + 4
        if length > 32 or end > len(data):
            return ()
        network = IPv4Address(data[offset + 1 : offset + 1 + octets].ljust(4, b"\0"))
        found.append(_route(IPv4Network((network, length), strict=False), IPv4Address(data[end - 4 : end])))
        offset = end
    return tuple(route for route in found if route is not None)


def _static(data: bytes) -> tuple[LeasedRoute, ...]:
    pairs = tuple(_addresses(data))
    found = (
        _route(_classful(destination), gateway) for destination, gateway in zip(pairs[::2], pairs[1::2], strict=False)
    )
    return tuple(route for route in found if route is not None and route.gateway and route.destination != EVERYWHERE)


def _default(data: bytes) -> tuple[LeasedRoute, ...]:
    gateway = next((address for address in _addresses(data) if is_host(address)), None)
    return () if gateway is None else (LeasedRoute(destination=EVERYWHERE, gateway=str(gateway)),)


def _route(network: IPv4Network, gateway: IPv4Address) -> LeasedRoute | None:
    if gateway.is_unspecified:
        return LeasedRoute(destination=str(network))
    return LeasedRoute(destination=str(network), gateway=str(gateway)) if is_host(gateway) else None


def _classful(address: IPv4Address) -> IPv4Network:
    """Option 33 has no masks: a network of its class, or one host where there are bits behind that."""
    first = address.packed[0]
    length = next((bits for below, bits in CLASSES if first < below), 32)
    network = IPv4Network((address, length), strict=False)
    if address.is_unspecified:
        return IPv4Network(EVERYWHERE)
    return network if network.network_address == address else IPv4Network((address, 32))


def _addresses(data: bytes) -> Iterator[IPv4Address]:
    yield from (IPv4Address(data[start : start + 4]) for start in range(0, len(data) - len(data) % 4, 4))
