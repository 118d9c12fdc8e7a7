"""The loop that keeps leases: each is tended when its time has come, in a thread of its own.

So a server that is silent holds up nobody else's lease. What is written in the book is the truth; what is only remembered
here, when to try again, may be lost with the process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.lease_book import LeaseBook
from agent.services.tending import Tending
from ports.clock import Clock
from ports.dhcp import Kept, Leasing, Standing
from ports.errors import Failure
from ports.metrics import Meter

log = logging.getLogger("knd.dhcp")
SOUGHT_SECONDS = 240.0  # a lease of a claim whose Prepare failed waits so long for the kubelet's next try
MOST = 32  # leases at work at a time
Key = tuple[str, str, int]  # claim, device, family


@dataclass(slots=True)
class _Attempt:
    """When a lease is tried next, and how that grows; only as long as its claim stands so."""

    standing: Standing
    at: float
    backoff: Backoff


def in_a_thread(work: Callable[[], None]) -> None:
    """Begin the work without waiting for it."""
    threading.Thread(target=work, name="knd-lease", daemon=True).start()


class Renewing:
    """``run`` belongs in a thread of its own; ``begin`` starts the work for one lease."""

    def __init__(
        self,
        *,
        tending: Tending,
        book: LeaseBook,
        clock: Clock,
        meter: Meter,
        begin: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._tending = tending
        self._book = book
        self._clock = clock
        self._meter = meter
        self._begin = begin
        self._bell = Bell()
        self._busy: set[Key] = set()
        self._attempts: dict[Key, _Attempt] = {}

    def run(self) -> None:
        """Keep leases until stopped."""
        while not self._bell.closed:
            self._bell.wait(self.step())

    def stop(self) -> None:
        """End ``run``. Leases stay as they are."""
        self._bell.close()

    def wake(self) -> None:
        """Something changed in the book."""
        self._bell.ring()

    def step(self) -> float | None:
        """Begin whatever is due. Seconds until something is due again; None when there is nothing to wait for."""
        now, leasings = self._clock.monotonic(), self._book.all()
        leased = [kept for each in leasings for kept in each.kept if kept.lease and kept.lease.valid_until > now]
        self._meter.show("knd_dhcp_leases", len(leased))
        entries = {_key(leasing, kept): (leasing, kept) for leasing in leasings for kept in leasing.kept}
        for key in [key for key in list(self._attempts) if key not in entries]:
            self._attempts.pop(key, None)
        times = []
        for key, (leasing, kept) in entries.items():
            at = self._due(key, leasing, kept, now)
            if at > now:
                times.append(at - now)
            elif key not in self._busy and len(self._busy) < MOST and not self._bell.closed:
                self._busy.add(key)
                self._begin(lambda key=key, leasing=leasing, kept=kept: self._work(key, leasing, kept))  # type: ignore[misc]
        return min(times, default=None)

    def _due(self, key: Key, leasing: Leasing, kept: Kept, now: float) -> float:
        attempt = self._attempts.get(key)
        if attempt is not None and attempt.standing is leasing.standing:
            return attempt.at
        if leasing.standing is Standing.SOUGHT:
            return leasing.since + SOUGHT_SECONDS
        if leasing.standing is Standing.ENDED or kept.lease is None or kept.lease != kept.applied:
            return now
        return kept.lease.renew_at

    def _work(self, key: Key, leasing: Leasing, kept: Kept) -> None:
        try:
            at = self._tending.tend(leasing, kept)
            if at is None:
                self._attempts.pop(key, None)
            else:
                self._attempts[key] = _Attempt(leasing.standing, at, _patience())
        except Failure as failure:
            log.warning("lease of device %s: %s", kept.device, failure, extra={"claim": str(leasing.claim)})
            self._again(key, leasing.standing)
        except Exception:
            log.exception("a defect", extra={"claim": str(leasing.claim)})
            self._again(key, leasing.standing)
        finally:
            self._busy.discard(key)
            self._bell.ring()

    def _again(self, key: Key, standing: Standing) -> None:
        earlier = self._attempts.get(key)
        goes_on = earlier is not None and earlier.standing is standing
        backoff = earlier.backoff if earlier and goes_on else _patience()
        self._attempts[key] = _Attempt(standing, self._clock.monotonic() + backoff.next(), backoff)


def _patience() -> Backoff:
    return Backoff(first=1.0, limit=60.0)


def _key(leasing: Leasing, kept: Kept) -> Key:
    return leasing.claim.uid, kept.device, kept.family
