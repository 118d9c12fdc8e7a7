"""Addresses given back to the host: in their order, and leased ones for the time that is left."""

from __future__ import annotations

import logging
from dataclasses import replace

from ports.devices import LinkFacts
from ports.errors import Code, Failure
from ports.kernel import Namespace

log = logging.getLogger("knd.dataplane")


def add_addresses(host: Namespace, index: int, before: LinkFacts) -> None:
    """All or as far as it goes: of several in one network the first is the primary, so none may overtake another.

    The kernel shows IPv6 addresses of one scope newest first (ipv6_link_dev_addr) and prefers them in that order. One
    that was leased is there for as long as it would have been; a lease that has ended nobody has to have any more.
    """
    lifetimes = {expiry.prefix: expiry.lifetime for expiry in before.expiries}
    six = tuple(address for address in before.addresses if ":" in address.prefix)
    four = tuple(address for address in before.addresses if address not in six)
    for address in (*four, *reversed(six)):
        try:
            host.add_address(index, replace(address, lifetime=lifetimes.get(address.prefix)))
        except Failure as failure:
            if failure.code is not Code.DEADLINE or address.prefix not in lifetimes:
                raise
            log.info("address %s is not given back: its lease has ended", address.prefix)


def in_time(before: LinkFacts, now: LinkFacts) -> LinkFacts:
    """Without the leased addresses that the kernel did not take again, because their time is over."""
    leased = {expiry.prefix for expiry in before.expiries}
    there = {address.prefix for address in now.addresses}
    kept = (address for address in before.addresses if address.prefix in there or address.prefix not in leased)
    return replace(before, addresses=tuple(kept))
