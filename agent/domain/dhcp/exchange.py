"""One conversation with a server: what is to be sent when, and what came of it. Feed it frames and times.

A conversation ends with a lease, with a refusal, or never, which is for the caller to end. What follows from a lease in
the long run (when to renew, when it is over) are functions of the lease and the time alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol

from ports.dhcp import Heard, Lease

SOON = 60.0  # seconds between two attempts to renew at least, RFC 2131 section 4.4.5
MAX_LIFETIME = float(0xFFFFFFFF)  # what "infinity" is on the wire; 136 years do as well


class Exchange(Protocol):
    """A conversation under way."""

    @property
    def lease(self) -> Lease | None:
        """What the server gave, once it did."""
        ...

    @property
    def refused(self) -> str:
        """Why the server does not give or prolong it; empty while it has not said so."""
        ...

    @property
    def over(self) -> bool:
        """Whether there is nothing more to say or to wait for."""
        ...

    @property
    def wake(self) -> float:
        """When something is to be sent next."""
        ...

    def due(self, now: float) -> tuple[bytes, ...]:
        """The frames to be sent now."""
        ...

    def feed(self, heard: Heard, now: float) -> tuple[bytes, ...]:
        """Take a frame in; what is to be sent at once because of it."""
        ...


@dataclass(slots=True)
class Retransmission:
    """When to send again: ``first`` seconds, doubled each time up to ``limit``, each a tenth more or less (RFC 8415, 15)."""

    dice: Random
    first: float = 1.0
    limit: float = 8.0
    sent: int = field(default=0, init=False)

    def next(self) -> float:
        """Seconds until the next time."""
        full: float = min(self.limit, self.first * 2.0 ** min(self.sent, 16))
        self.sent += 1
        return full * (0.9 + 0.2 * self.dice.random())


class Phase(StrEnum):
    """How far a lease is: RFC 2131 figure 5, RFC 8415 section 18.2."""

    BOUND = "bound"
    RENEWING = "renewing"  # ask the server that gave it
    REBINDING = "rebinding"  # ask any server
    EXPIRED = "expired"


def phase(lease: Lease, now: float) -> Phase:
    """Where the lease is at this time."""
    if now >= lease.valid_until:
        return Phase.EXPIRED
    if now >= lease.rebind_at:
        return Phase.REBINDING
    return Phase.RENEWING if now >= lease.renew_at else Phase.BOUND


def next_attempt(lease: Lease, now: float) -> float:
    """When to ask (again) for more time: half of what is left of the phase, but not every moment."""
    where = phase(lease, now)
    if where is Phase.BOUND:
        return lease.renew_at
    end = lease.rebind_at if where is Phase.RENEWING else lease.valid_until
    least = min(SOON, (lease.valid_until - lease.renew_at) / 8)
    return min(now + max((end - now) / 2, least), end)


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """When a lease is to be renewed and ends, absolute; made of the seconds that the server said."""

    renew_at: float
    rebind_at: float
    preferred_until: float
    valid_until: float


def times(
    now: float,
    preferred: float,
    valid: float,
    renew: float | None,
    rebind: float | None,
    shares: tuple[float, float],
) -> Times:
    """Absolute times. Where the server leaves renewing to us, or says what cannot be, it is at ``shares`` of ``preferred``."""
    one, two = renew or preferred * shares[0], rebind or preferred * shares[1]
    if not 0 < one <= two <= valid:
        one, two = preferred * shares[0], preferred * shares[1]
    return Times(renew_at=now + one, rebind_at=now + two, preferred_until=now + preferred, valid_until=now + valid)
