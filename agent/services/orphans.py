"""What profiles gave to claims that ended without an Unprepare, found by comparing the book with cluster and dataplane."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.services.grants import GrantBook
from ports.clock import Clock
from ports.errors import Failure
from ports.metrics import Meter
from ports.plan import ClaimRef

log = logging.getLogger("knd.profiles")
AUDIT = 300.0  # seconds between two comparisons
BUSY = 60.0  # seconds to wait for a Prepare of the same claim to end


class Orphans:
    """``over`` says whether a claim is no more, neither in the cluster nor here; a Failure when it cannot know now."""

    def __init__(self, *, book: GrantBook, over: Callable[[ClaimRef], bool], clock: Clock, meter: Meter) -> None:
        self._book = book
        self._over = over
        self._clock = clock
        self._meter = meter
        self._suspects: frozenset[str] = frozenset()
        self.due = clock.monotonic()  # of the next comparison

    def look_if_due(self) -> None:
        """Compare when it is time to."""
        if self._clock.monotonic() >= self.due:
            self.look()

    def look(self) -> None:
        """End the grants of claims that are over.

        Only what is found twice: a claim may be deleted while it is being prepared, and the dataplane hold it a moment later.
        """
        self.due = self._clock.monotonic() + AUDIT
        held = {uid: each.claim for uid, each in self._book.all().items() if not all(one.ending for one in each.grants)}
        over = frozenset(uid for uid, claim in held.items() if self._is_over(claim))
        for uid in over & self._suspects:
            self._end(held[uid])
        self._suspects = over

    def _is_over(self, claim: ClaimRef) -> bool:
        try:
            return self._over(claim)
        except Failure as failure:
            log.debug("%s: not known whether it is over: %s", claim, failure)
            return False

    def _end(self, claim: ClaimRef) -> None:
        about = {"claim": str(claim)}
        try:
            with self._book.turn(claim.uid, BUSY):
                self._book.end(claim.uid)
        except Failure as failure:
            log.info("not taken back yet: %s", failure, extra=about)
            return
        self._meter.count("knd_profile_orphans")
        log.warning("%s is no more; what its profiles gave is taken back", claim, extra=about)
