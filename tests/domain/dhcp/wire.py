"""A client's conversation with a server in memory, on a clock that jumps from one thing to do to the next."""

from __future__ import annotations

from collections.abc import Callable

from agent.domain.dhcp.exchange import Exchange
from ports.dhcp import Heard

Answer = Callable[[bytes], list[bytes]]


def talk(exchange: Exchange, answer: Answer, now: float, until: float) -> float:
    """Carry everything both ways at once until it is over or that time has come; the time then."""
    while not exchange.over and now <= until:
        frames = list(exchange.due(now))
        while frames:
            for reply in answer(frames.pop(0)):
                frames += exchange.feed(Heard(frame=reply), now)
        if exchange.over:
            break
        now = max(now, exchange.wake)
    return now
