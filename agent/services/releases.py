"""Taking back what profiles have given: tried again, ever more slowly, until the provider says that it is done.

The kubelet's Unprepare starts it. Since that is not sure to come, ``Orphans`` are looked for as well.
"""

from __future__ import annotations

import logging

from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.grants import GrantBook
from agent.services.notices import Notices
from agent.services.orphans import BUSY, Orphans
from agent.services.together import together
from ports.clock import Clock
from ports.cluster import Notice
from ports.errors import Failure
from ports.metrics import Meter
from ports.plan import ClaimRef
from ports.profiles import Grant, ProfileProvider

log = logging.getLogger("knd.profiles")
ONE_CALL = 10.0  # seconds
FIRST, LIMIT = 1.0, 300.0  # seconds between two tries
AT_ONCE = 8  # claims


class Releases:
    """One loop, ``run``, ended by ``stop``."""

    def __init__(
        self,
        *,
        provider: ProfileProvider,
        book: GrantBook,
        orphans: Orphans,
        notices: Notices,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._provider = provider
        self._book = book
        self._orphans = orphans
        self._notices = notices
        self._clock = clock
        self._meter = meter
        self._bell = Bell()
        self._waits: dict[str, tuple[float, Backoff]] = {}

    def wake(self) -> None:
        """There is something to take back."""
        self._bell.ring()

    def stop(self) -> None:
        """End ``run``. What is not taken back yet stays in the book."""
        self._bell.close()

    def run(self) -> None:
        """Take back whatever is to be, until stopped."""
        while not self._bell.closed:
            try:
                self._bell.wait(self.step())
            except Failure as failure:
                log.warning("the book of profiles cannot be used: %s", failure)
                self._bell.pause(FIRST)

    def step(self) -> float:
        """Compare if it is time, and take back what is due; seconds until something is due again."""
        self._orphans.look_if_due()
        pending = {uid: found for uid, found in self._book.all().items() if any(each.ending for each in found.grants)}
        self._waits = {uid: wait for uid, wait in self._waits.items() if uid in pending}
        now = self._clock.monotonic()
        due = [found.claim for uid, found in pending.items() if self._waits.get(uid, (now,))[0] <= now]
        together(self._take_back, due, AT_ONCE)
        self._show()
        dues = (self._orphans.due, *(due for due, _ in self._waits.values()))
        return max(0.0, min(dues) - self._clock.monotonic())

    def _take_back(self, claim: ClaimRef) -> None:
        _, backoff = self._waits.get(claim.uid, (0.0, Backoff(first=FIRST, limit=LIMIT)))
        failure = self._released(claim)
        if failure is None:
            self._waits.pop(claim.uid, None)
            return
        first = not backoff.attempts
        self._waits[claim.uid] = (self._clock.monotonic() + backoff.next(), backoff)
        log.log(logging.WARNING if first else logging.INFO, "not taken back yet: %s", failure, extra=_about(claim))
        if first:
            self._notices.put(_notice(claim, failure))

    def _released(self, claim: ClaimRef) -> Failure | None:
        """The last failure; one device that cannot be taken back costs no other."""
        failure = None
        try:
            with self._book.turn(claim.uid, BUSY):
                for grant in self._book.of(claim.uid):
                    if grant.ending and not self._bell.closed:
                        failure = self._tried(claim, grant) or failure
        except Failure as busy:
            return busy
        return failure

    def _tried(self, claim: ClaimRef, grant: Grant) -> Failure | None:
        try:
            self._release(claim, grant)
        except Failure as failure:
            return failure
        return None

    def _release(self, claim: ClaimRef, grant: Grant) -> None:
        began, result = self._clock.monotonic(), "success"
        try:
            self._provider.release(claim, grant.wish, ONE_CALL)
        except Failure as failure:
            result = failure.code
            raise
        finally:
            self._meter.count("knd_profile_calls", call="release", result=result)
            self._meter.observe("knd_profile_call_seconds", self._clock.monotonic() - began, call="release")
        self._book.taken_back(claim, grant)
        log.info(
            "profile %s of device %s is taken back", grant.wish.profile, grant.wish.ids.device, extra=_about(claim)
        )

    def _show(self) -> None:
        grants = [grant for found in self._book.all().values() for grant in found.grants]
        ending = sum(grant.ending for grant in grants)
        self._meter.show("knd_profile_grants", len(grants) - ending)
        self._meter.show("knd_profile_releases_pending", ending)


def _notice(claim: ClaimRef, failure: Failure) -> Notice:
    return Notice(
        kind="ResourceClaim",
        namespace=claim.namespace,
        name=claim.name,
        uid=claim.uid,
        reason="ProfileReleaseFailed",
        message=f"what a profile gave is not taken back yet, it is tried again: {failure}",
    )


def _about(claim: ClaimRef) -> dict[str, str]:
    return {"claim": str(claim)}
