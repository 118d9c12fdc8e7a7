"""Leases as Prepare and Unprepare need them: got before the plan is made, given back when the claim is over.

A lease belongs to its claim. If Prepare fails later on, the lease waits for the kubelet's next try; the server gives no
second one meanwhile. Devices wait for their servers side by side, and nothing is locked while they do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from agent.services.lease_book import LeaseBook, is_same
from agent.services.speaking import Speaker
from agent.services.together import together
from ports.clock import Clock
from ports.cluster import Json
from ports.dhcp import Kept, Lease, Standing
from ports.errors import Failure
from ports.plan import ClaimRef

log = logging.getLogger("knd.dhcp")
ACQUIRE_SECONDS = 20.0  # of the kubelet's 45 for all of Prepare
RELEASE_SECONDS = 3.0
MOST_SERVERS, MOST_DOMAINS = (
    32,
    32,
)  # told of a device: the longest names together are less than the API's 10 KiB of data


class Leases:
    """For ``Preparation``, and for whoever writes status."""

    def __init__(self, speaker: Speaker, book: LeaseBook, clock: Clock) -> None:
        self._speaker = speaker
        self._book = book
        self._clock = clock

    def obtain(self, claim: ClaimRef, wanted: tuple[Kept, ...], end: float) -> Mapping[str, tuple[Lease, ...]]:
        """The leases of each device, those that the claim has already included. UNAVAILABLE: a server gave none."""
        until = min(end, self._clock.monotonic() + ACQUIRE_SECONDS)
        outcomes = together(lambda kept: self._try(claim, kept, until), wanted)
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                raise outcome
        found: dict[str, tuple[Lease, ...]] = {}
        for kept, outcome in zip(wanted, outcomes, strict=True):
            found[kept.device] = (*found.get(kept.device, ()), *((outcome,) if isinstance(outcome, Lease) else ()))
        return found

    def hold(self, claim: ClaimRef) -> None:
        """The claim is prepared with its leases."""
        self._book.applied(claim.uid)
        self._book.stand(claim.uid, Standing.HELD)

    def settle(self, claim: ClaimRef) -> None:
        """The claim was prepared already, perhaps by a process that was killed before it could say so."""
        self._book.settle(claim.uid)

    def release(self, claim: ClaimRef, end: float) -> None:
        """The claim is over: what cannot be given back now is given back later, by the loop that keeps leases."""
        found = self._book.of(claim.uid)
        if found is None:
            return
        self._book.stand(claim.uid, Standing.ENDED)
        until = min(end, self._clock.monotonic() + RELEASE_SECONDS)
        together(lambda kept: self._give_back(claim, kept, until), found.kept)

    def data(self, claim_uid: str, device: str) -> Json:
        """What the device's status tells of its leases: name servers, domains; empty for one without."""
        found = self._book.of(claim_uid)
        leases = [kept.lease for kept in found.kept if kept.device == device and kept.lease] if found else []
        dns = list(dict.fromkeys(server for lease in leases for server in lease.dns))[:MOST_SERVERS]
        search = list(dict.fromkeys(domain for lease in leases for domain in lease.search))[:MOST_DOMAINS]
        told = {key: value for key, value in (("nameservers", dns), ("searches", search)) if value}
        return {"dns": told} if told else {}

    def _try(self, claim: ClaimRef, wanted: Kept, until: float) -> Lease | Failure:
        try:
            return self._obtain(claim, wanted, until)
        except Failure as failure:
            return failure

    def _obtain(self, claim: ClaimRef, wanted: Kept, until: float) -> Lease:
        found = self._book.of(claim.uid)
        have = next((each for each in found.kept if is_same(each, wanted)), None) if found else None
        ended = found is not None and found.standing is Standing.ENDED  # perhaps on its way back to the server just now
        if have is not None and have.lease is not None and not ended and self._fits(have, wanted):
            self._book.put(claim, have)  # it waits anew
            return have.lease
        hint = have.lease.address.partition("/")[0] if have and have.lease else ""
        lease = self._speaker.acquire(claim, wanted, until, hint)
        self._book.put(claim, _with(wanted, lease))
        about = {"claim": str(claim)}
        dns = f", name servers {', '.join(lease.dns)}" if lease.dns else ""
        log.info("leased %s for device %s%s", lease.address, wanted.device, dns, extra=about)
        return lease

    def _fits(self, have: Kept, wanted: Kept) -> bool:
        assert have.lease is not None
        same = (have.mac, have.identity) == (wanted.mac, wanted.identity)
        return same and self._clock.monotonic() < have.lease.renew_at

    def _give_back(self, claim: ClaimRef, kept: Kept, until: float) -> None:
        try:
            if kept.lease is not None:
                self._speaker.release(claim, kept, kept.lease, until)
        except Failure as failure:
            log.info("not given back yet: %s", failure, extra={"claim": str(claim)})
            return
        self._book.drop(claim.uid, kept)


def _with(wanted: Kept, lease: Lease) -> Kept:
    return Kept(
        device=wanted.device, identity=wanted.identity, family=wanted.family, mac=wanted.mac, lease=lease, applied=None
    )
