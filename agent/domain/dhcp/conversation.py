"""What all conversations of a client have in common, whatever the family: who we are, what was said, when to say it again."""

from __future__ import annotations

from random import Random

from agent.domain.dhcp.exchange import Retransmission
from ports.dhcp import Lease


class Conversation:
    """One with a server. It is over when the server has given a lease or refused one."""

    def __init__(self, mac: str, now: float, dice: Random) -> None:
        self.lease: Lease | None = None
        self.refused = ""
        self.wake = now
        self._mac, self._dice, self._began = mac, dice, now
        self._pace = Retransmission(dice)

    @property
    def over(self) -> bool:
        """Whether the server has spoken."""
        return self.lease is not None or bool(self.refused)

    def due(self, now: float) -> tuple[bytes, ...]:
        """The frames to be sent now."""
        if self.over or now < self.wake:
            return ()
        self.wake = now + self._pace.next()
        return (self._said(now),)

    def _said(self, now: float) -> bytes:
        """The frame that is due."""
        raise NotImplementedError

    def _pause(self, now: float) -> None:
        """Begin from the start, a little later: what was said so far led to nothing."""
        self._pace = Retransmission(self._dice)
        self._pace.next()
        self.wake = now + self._pace.next()
