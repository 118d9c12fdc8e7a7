"""A lease of a DHCPv6 server, as a REPLY describes it."""

from __future__ import annotations

from ipaddress import IPv6Address

from agent.domain.dhcp import message6
from agent.domain.dhcp.ethernet import Datagram
from agent.domain.dhcp.exchange import MAX_LIFETIME, times
from agent.domain.dhcp.message6 import Message
from agent.domain.dhcp.names import names
from ports.dhcp import Lease

SHARES = (0.5, 0.8)  # of the preferred lifetime, until renewing and rebinding (RFC 8415, 21.4)
MOST_SERVERS = 16


def lease_of(message: Message, iaid: bytes, datagram: Datagram, now: float) -> Lease | None:
    """The lease that a REPLY describes; None for one that gives no address that lasts."""
    found, status = message6.given(message, iaid)
    lasting = next((each for each in found if each.preferred), None)
    if status or lasting is None:
        return None
    preferred, valid = min(float(lasting.preferred), MAX_LIFETIME), min(float(lasting.valid), MAX_LIFETIME)
    at = times(now, preferred, valid, float(lasting.renew), float(lasting.rebind), SHARES)
    return Lease(
        family=6,
        address=f"{lasting.address}/128",
        server=(message.first(message6.SERVER_ID) or b"").hex(),
        server_mac=datagram.source_mac,
        renew_at=at.renew_at,
        rebind_at=at.rebind_at,
        preferred_until=at.preferred_until,
        valid_until=at.valid_until,
        dns=_servers(message.first(message6.DNS_SERVERS) or b""),
        search=names(message.first(message6.DOMAINS) or b""),
    )


def _servers(data: bytes) -> tuple[str, ...]:
    found = (IPv6Address(data[start : start + 16]) for start in range(0, len(data) - len(data) % 16, 16))
    usable = (str(address) for address in found if not (address.is_multicast or address.is_unspecified))
    return tuple(dict.fromkeys(usable))[:MOST_SERVERS]
