"""A lease of a DHCPv4 server, as an ACK (or an OFFER) describes it."""

from __future__ import annotations

from ipaddress import IPv4Address

from agent.domain.dhcp import offered
from agent.domain.dhcp.bootp import Message
from agent.domain.dhcp.ethernet import Datagram
from agent.domain.dhcp.exchange import MAX_LIFETIME, times
from ports.dhcp import Lease

LEASE_TIME, SERVER_ID, T1, T2 = 51, 54, 58, 59
SHARES = (0.5, 0.875)  # of the lease, until renewing and rebinding, where the server does not say (RFC 2131, 4.4.5)


def lease_of(message: Message, datagram: Datagram, now: float) -> Lease | None:
    """The lease that an ACK (or OFFER) describes; None for one that cannot be used."""
    options, address = message.options, IPv4Address(message.yiaddr)
    server, seconds = options.get(SERVER_ID, b""), _seconds(options.get(LEASE_TIME))
    if not offered.is_host(address) or len(server) != 4 or not seconds:
        return None
    at = times(now, seconds, seconds, _seconds(options.get(T1)), _seconds(options.get(T2)), SHARES)
    return Lease(
        family=4,
        address=f"{address}/{offered.prefix_length(options)}",
        server=server.hex(),
        server_mac=datagram.source_mac,
        renew_at=at.renew_at,
        rebind_at=at.rebind_at,
        preferred_until=at.preferred_until,
        valid_until=at.valid_until,
        routes=offered.routes(options),
        mtu=offered.mtu(options),
        dns=offered.dns(options),
        search=offered.search(options),
    )


def _seconds(packed: bytes | None) -> float | None:
    return min(float(int.from_bytes(packed, "big")), MAX_LIFETIME) if packed and len(packed) == 4 else None
