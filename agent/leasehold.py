"""The parts of ``knd dra`` that lease addresses from DHCP servers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from adapters.dhcp.client import ChannelClient
from adapters.outbox.files import FileShelf
from agent.outside import Around
from agent.services.lease_book import LeaseBook
from agent.services.leases import Leases
from agent.services.renewing import Renewing
from agent.services.speaking import Speaker
from agent.services.tending import Tending
from ports.dhcp import Leasing
from ports.places import Places


@dataclass(frozen=True, kw_only=True, slots=True)
class Leasehold:
    """``leases`` is for Prepare and for status; ``renewing`` has a loop; ``tending`` tells of changes in running pods."""

    leases: Leases
    tending: Tending
    renewing: Renewing


def build(chosen: argparse.Namespace, around: Around) -> Leasehold:
    """Put together, not started."""
    places = Places(chosen.runtime_dir)
    book = LeaseBook(FileShelf(places.leases, Leasing), around.clock)
    speaker = Speaker(channels=ChannelClient(places.channel_socket), clock=around.clock, meter=around.meter)
    tending = Tending(
        speaker=speaker,
        book=book,
        dataplane=around.dataplane,
        holds=around.inventories.holds,
        notices=around.notices,
        clock=around.clock,
    )
    renewing = Renewing(tending=tending, book=book, clock=around.clock, meter=around.meter)
    book.tell(renewing.wake)
    return Leasehold(leases=Leases(speaker, book, around.clock), tending=tending, renewing=renewing)
