"""Virtual functions between a pod and the administrator of their physical function.

A pod with CAP_NET_ADMIN can change a function's hardware address, through the function itself; that is put back the same
way. All else that the physical function says of it only the administrator can change, on the host, and he may do so while
the function is in a pod: that stays as he left it, and the log tells of it.
"""

from __future__ import annotations

import logging
from dataclasses import fields, replace

from ports.devices import LinkFacts
from ports.sriov import VirtualFunction

log = logging.getLogger("knd.dataplane")


def owed(before: LinkFacts, now: LinkFacts, refused: bool = False) -> LinkFacts:
    """What the host gets back. Where the administrator gave the function another address meanwhile, that is its address.

    He did when the physical function says something that is neither what it said before nor the address that the
    interface has; or, once the old one was ``refused``, when interface and physical function agree about another one.
    """
    mine, theirs = before.function, now.function
    if mine is None or theirs is None or theirs.mac == mine.mac:
        return before
    if (theirs.mac == now.link.mac) != refused:
        return before
    return replace(before, link=replace(before.link, mac=theirs.mac))


def tell(before: LinkFacts, now: LinkFacts) -> None:
    """What the administrator changed on the physical function meanwhile."""
    mine, theirs = before.function, now.function
    if mine is not None and theirs is not None and (changes := _changes(mine, theirs)):
        log.info("interface %s: its physical function has now %s; left so", before.link.name, ", ".join(changes))


def to_give_back(before: LinkFacts, now: LinkFacts) -> tuple[VirtualFunction, ...]:
    """The functions of a physical function that came home, as they were: who had it in a pod could change them all."""
    there = {each.number: each for each in now.functions}
    return tuple(
        each for each in before.functions if each.number in there and each.differs_by_administrator(there[each.number])
    )


def _changes(mine: VirtualFunction, theirs: VirtualFunction) -> list[str]:
    pairs = ((each.name, getattr(mine, each.name), getattr(theirs, each.name)) for each in fields(VirtualFunction))
    return [f"{name} {now} (was {was})" for name, was, now in pairs if was != now]
