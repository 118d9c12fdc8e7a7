"""Leases of DHCP servers as values, and the channel through which an unprivileged process speaks to those servers.

The dataplane opens the packet socket in the right namespace and keeps it: it carries frames to and fro and
parses none. Times are absolute seconds of CLOCK_MONOTONIC, as everywhere; leases do not outlive the boot.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ports.dataplane import Call
from ports.devices import Identity
from ports.plan import ClaimRef


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasedRoute:
    """A route that a server tells of; without a gateway the destination is on the link."""

    destination: str
    gateway: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """What a server gave: an address with its prefix length, until when, and what goes with it.

    ``server`` identifies the server in its own terms, in hexadecimal: an IPv4 address, or a DUID. ``server_mac`` is where
    its answer came from, the server itself or the relay in front of it.
    """

    family: int
    address: str
    server: str
    server_mac: str
    renew_at: float
    rebind_at: float
    preferred_until: float
    valid_until: float
    routes: tuple[LeasedRoute, ...] = ()
    mtu: int | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The lease of one device and family. ``applied`` is the one in the claim's plan; it follows ``lease``.

    ``mac`` is the hardware address that it was given to. ``lease`` is None while another one is looked for.
    """

    device: str
    identity: Identity
    family: int
    mac: str
    lease: Lease | None
    applied: Lease | None = None


class Standing(StrEnum):
    """Where a claim with leases stands."""

    SOUGHT = "sought"  # it is being prepared: a lease is kept for the kubelet's next try
    HELD = "held"  # it is prepared: leases are kept up
    ENDED = "ended"  # it is over: leases are given back


@dataclass(frozen=True, kw_only=True, slots=True)
class Leasing:
    """All leases of one claim; ``since`` is when it came to stand so."""

    claim: ClaimRef
    standing: Standing
    since: float
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A frame from the wire, with its Ethernet header. ``checked``: its checksums are complete.

    They are not where the sender is on this host and its interface leaves them to hardware that the frame never meets.
    """

    frame: bytes
    checked: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Which device is to speak, for which claim. The device is looked for in the claim's pod, else in the host.

    ``mac`` is the hardware address that it has in the pod, to receive for; empty: the one it has now.
    """

    claim_uid: str
    device: str
    identity: Identity
    family: int
    mac: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lent:
    """An open packet socket, whose ``descriptor`` is to be closed by whoever asked for it, and what its device is like.

    ``ifindex`` is set where something of the host has to be put back afterwards.
    """

    descriptor: int
    mac: str
    running: bool
    ifindex: int | None = None


class Lender(Protocol):
    """The privileged side: whoever may open packet sockets for others."""

    def lend(self, wish: Wish, call: Call) -> Lent:
        """A socket of the device. In the host it is set up, if it is down, until ``give_back``.

        NOT_FOUND: it is neither in the claim's pod nor in the host. REFUSED: the node depends on it. CONFLICT: another claim
        has it, or a pod is just getting it. INVALID: it is no Ethernet interface.
        """
        ...

    def give_back(self, lent: Lent) -> None:
        """The other end is done. Never raises for a device that is gone."""
        ...


class Channel(Protocol):
    """Frames of one device: DHCP (and for IPv6 neighbour discovery) and nothing else, to and fro."""

    @property
    def mac(self) -> str:
        """The hardware address that the device has now."""
        ...

    @property
    def running(self) -> bool:
        """Whether the device had a carrier when the channel was opened: without one nothing goes out."""
        ...

    def send(self, frame: bytes) -> None:
        """Put the frame on the wire. UNAVAILABLE: the device is down or gone. KERNEL: this is no frame of a DHCP client."""
        ...

    def receive(self, seconds: float) -> Heard | None:
        """The next frame; None when none came in that time. UNAVAILABLE: the device is gone."""
        ...

    def close(self) -> None:
        """Give the channel up. A device that was set up just for it is as it was before then. Repeatable."""
        ...


class Channels(Protocol):
    """Whoever may open one."""

    def open(self, wish: Wish, call: Call) -> Channel:
        """A channel of the device. NOT_FOUND, REFUSED, CONFLICT as in ``Preparing``; UNAVAILABLE: nobody is there to ask."""
        ...
