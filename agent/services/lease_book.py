"""The leases of this node's claims, on a shelf: what is written there is known to the next process too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from ports.clock import Clock
from ports.dhcp import Kept, Leasing, Standing
from ports.outbox import Shelf
from ports.plan import ClaimRef


class LeaseBook:
    """Safe for any number of threads. A claim's entry exists while it has a lease, or looks for one."""

    def __init__(self, shelf: Shelf[Leasing], clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._lock = threading.Lock()
        self._changed: Callable[[], None] = lambda: None

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this after each change."""
        self._changed = changed

    def of(self, claim_uid: str) -> Leasing | None:
        """The claim's leases."""
        return self._shelf.get(claim_uid)

    def all(self) -> tuple[Leasing, ...]:
        """Those of all claims."""
        return tuple(self._shelf.all().values())

    def put(self, claim: ClaimRef, kept: Kept) -> None:
        """Keep this lease in the place of an earlier one of the device and family; a claim begins (again) as ``SOUGHT``."""
        with self._lock:
            found = self._shelf.get(claim.uid)
            if found is None or found.standing is Standing.ENDED:
                found = replace(self._new(claim), kept=found.kept if found else ())
            if found.standing is Standing.SOUGHT:
                found = replace(found, since=self._clock.monotonic())
            others = tuple(each for each in found.kept if not is_same(each, kept))
            self._shelf.put(claim.uid, replace(found, kept=(*others, kept)))
        self._changed()

    def stand(self, claim_uid: str, standing: Standing) -> None:
        """The claim stands so from now on; one without leases is passed over."""
        with self._lock:
            found = self._shelf.get(claim_uid)
            if found is not None and found.standing is not standing:
                self._shelf.put(claim_uid, self._standing(found, standing))
        self._changed()

    def settle(self, claim_uid: str) -> None:
        """The claim's plan is held with the leases that were sought for it, which nobody came to note."""
        with self._lock:
            found = self._shelf.get(claim_uid)
            if found is not None and found.standing is Standing.SOUGHT:
                self._shelf.put(claim_uid, self._standing(_applied(found), Standing.HELD))
        self._changed()

    def give_up(self, seen: Leasing) -> None:
        """Nobody wants the leases that were sought, unless the claim was asked for again since they were seen so."""
        with self._lock:
            found = self._shelf.get(seen.claim.uid)
            if found is not None and (found.standing, found.since) == (Standing.SOUGHT, seen.since):
                self._shelf.put(seen.claim.uid, self._standing(found, Standing.ENDED))
        self._changed()

    def applied(self, claim_uid: str) -> None:
        """The claim's plan has all its leases."""
        with self._lock:
            found = self._shelf.get(claim_uid)
            if found is not None:
                self._shelf.put(claim_uid, _applied(found))

    def drop(self, claim_uid: str, kept: Kept) -> None:
        """Exactly this lease is over; with the last one the entry goes."""
        with self._lock:
            found = self._shelf.get(claim_uid)
            left = tuple(each for each in found.kept if each != kept) if found else ()
            if found is not None and left:
                self._shelf.put(claim_uid, replace(found, kept=left))
            else:
                self._shelf.drop(claim_uid)

    def _standing(self, found: Leasing, standing: Standing) -> Leasing:
        return replace(found, standing=standing, since=self._clock.monotonic())

    def _new(self, claim: ClaimRef) -> Leasing:
        return Leasing(claim=claim, standing=Standing.SOUGHT, since=self._clock.monotonic())


def _applied(found: Leasing) -> Leasing:
    return replace(found, kept=tuple(replace(each, applied=each.lease) for each in found.kept))


def is_same(one: Kept, other: Kept) -> bool:
    """Whether both are about one device and family."""
    return (one.device, one.family) == (other.device, other.family)
