"""Conversations with DHCP servers, each through a channel of its own that is open no longer than it lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from agent.domain.dhcp import client4, client6
from agent.domain.dhcp.exchange import Exchange
from ports.clock import Clock
from ports.dataplane import Call
from ports.dhcp import Channel, Channels, Kept, Lease, Wish
from ports.errors import Code, Failure
from ports.metrics import Meter
from ports.plan import ClaimRef

log = logging.getLogger("knd.dhcp")
ACQUIRE: Mapping[int, Callable[[str, float, Random, str], Exchange]] = {4: client4.Acquire, 6: client6.Acquire}
EXTEND: Mapping[int, Callable[[str, Lease, float, Random], Exchange]] = {4: client4.Extend, 6: client6.Extend}
RELEASE: Mapping[int, Callable[[str, Lease, float, Random], Exchange]] = {4: client4.Release, 6: client6.Release}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server says to who asks for more time: a lease, or that there is none. Neither: nobody answered."""

    lease: Lease | None = None
    refused: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """Safe for any number of threads. ``until`` is when to give up, in monotonic seconds."""

    channels: Channels
    clock: Clock
    meter: Meter
    dice: Random = field(default_factory=Random)

    def acquire(self, claim: ClaimRef, kept: Kept, until: float, hint: str = "") -> Lease:
        """A lease for the device. UNAVAILABLE: no server gave one."""
        channel = self._open(claim, kept, until)
        try:
            made = ACQUIRE[kept.family](kept.mac, self.clock.monotonic(), self._dice(), hint)
            self._talk(channel, made, until)
        finally:
            channel.close()
        self._count("acquire", kept, "success" if made.lease else "no-answer")
        if made.lease is None:
            carrier = "" if channel.running else "; the interface has no carrier"
            detail = f"no DHCPv{kept.family} server gave an address for {kept.mac}{carrier}"
            raise Failure(Code.UNAVAILABLE, f"device {kept.device}", detail, "see that a server serves its network")
        return made.lease

    def extend(self, claim: ClaimRef, kept: Kept, lease: Lease, until: float) -> Answer:
        """More time for the lease."""
        channel = self._open(claim, kept, until)
        try:
            made = EXTEND[kept.family](kept.mac, lease, self.clock.monotonic(), self._dice())
            self._talk(channel, made, until)
        finally:
            channel.close()
        self._count("renew", kept, "success" if made.lease else "refused" if made.refused else "no-answer")
        return Answer(lease=made.lease, refused=made.refused)

    def release(self, claim: ClaimRef, kept: Kept, lease: Lease, until: float) -> None:
        """Give the lease back. UNAVAILABLE: it could not go out."""
        channel = self._open(claim, kept, until)
        try:
            if not channel.running:
                raise Failure(
                    Code.UNAVAILABLE, f"device {kept.device}", "has no carrier", "the lease is given back later"
                )
            made = RELEASE[kept.family](kept.mac, lease, self.clock.monotonic(), self._dice())
            self._talk(channel, made, until)
        except Failure:
            self._count("release", kept, "failed")
            raise
        finally:
            channel.close()
        self._count("release", kept, "success")

    def _open(self, claim: ClaimRef, kept: Kept, until: float) -> Channel:
        wish = Wish(claim_uid=claim.uid, device=kept.device, identity=kept.identity, family=kept.family, mac=kept.mac)
        return self.channels.open(wish, Call(key="", deadline=until))

    def _talk(self, channel: Channel, exchange: Exchange, until: float) -> None:
        while not exchange.over and (now := self.clock.monotonic()) < until:
            for frame in exchange.due(now):
                channel.send(frame)
            if exchange.over:
                return
            heard = channel.receive(min(exchange.wake, until) - self.clock.monotonic())
            for frame in exchange.feed(heard, self.clock.monotonic()) if heard is not None else ():
                channel.send(frame)

    def _dice(self) -> Random:
        """One a conversation: transactions of two that begin together must differ."""
        return Random(self.dice.getrandbits(64))

    def _count(self, call: str, kept: Kept, result: str) -> None:
        self.meter.count("knd_dhcp_exchanges", call=call, family=str(kept.family), result=result)
