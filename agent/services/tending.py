"""What is done for one lease when its time has come: prolonged, applied, sought anew, given back; one thing at a time.

What comes of it is written into the book at once, so that the next thing, or the next process, goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from agent.domain.dhcp.exchange import Phase, next_attempt, phase
from agent.domain.leasing import lost
from agent.domain.renewal import renewed
from agent.services.lease_book import LeaseBook
from agent.services.notices import Notices
from agent.services.speaking import Speaker
from ports.clock import Clock
from ports.cluster import Notice
from ports.dataplane import Call, Preparing
from ports.dhcp import Kept, Lease, Leasing, Standing
from ports.errors import Code, Failure
from ports.frontends import Outcome

log = logging.getLogger("knd.dhcp")
RENEW_SECONDS, ACQUIRE_SECONDS, RELEASE_SECONDS, APPLY_SECONDS = 12.0, 20.0, 5.0, 10.0


class Tending:
    """``tell`` says who takes the outcome of a lease that changed in a running pod, for the claim's status.

    ``holds`` tells whether a claim, by its UID, has devices, also when the dataplane has lost its record.
    """

    def __init__(
        self,
        *,
        speaker: Speaker,
        book: LeaseBook,
        dataplane: Preparing,
        holds: Callable[[str], bool],
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._speaker = speaker
        self._book = book
        self._dataplane = dataplane
        self._holds = holds
        self._notices = notices
        self._clock = clock
        self._told: Callable[[Outcome], None] = lambda _: None

    def tell(self, told: Callable[[Outcome], None]) -> None:
        """Call this with each outcome."""
        self._told = told

    def tend(self, leasing: Leasing, kept: Kept) -> float | None:
        """Do what is due; when to ask again, where that is not to be seen from the book. May raise ``Failure``."""
        if not self._is_current(leasing, kept):
            return None
        match leasing.standing:
            case Standing.SOUGHT:
                self._decide(leasing)
            case Standing.ENDED:
                self._give_back(leasing, kept)
            case Standing.HELD:
                return self._keep(leasing, kept)
        return None

    def _is_current(self, leasing: Leasing, kept: Kept) -> bool:
        """Not when the book has changed since somebody looked."""
        found = self._book.of(leasing.claim.uid)
        return found is not None and found.standing is leasing.standing and kept in found.kept

    def _decide(self, leasing: Leasing) -> None:
        """Nobody has said for long that the claim is prepared. Who could may have been killed, so the dataplane is asked."""
        call = Call(key=uuid4().hex, deadline=self._clock.monotonic() + APPLY_SECONDS)
        if self._dataplane.prepared(leasing.claim.uid, call) is None:
            self._book.give_up(leasing)
        else:
            self._book.settle(leasing.claim.uid)

    def _keep(self, leasing: Leasing, kept: Kept) -> float | None:
        """What is not in the plan yet comes before the next word with the server."""
        if kept.lease != kept.applied:
            self._apply(leasing, kept)
        elif kept.lease is None or phase(kept.lease, self._clock.monotonic()) is Phase.EXPIRED:
            self._seek(leasing, kept)
        else:
            return self._extend(leasing, kept, kept.lease)
        return None

    def _extend(self, leasing: Leasing, kept: Kept, lease: Lease) -> float | None:
        until = min(self._clock.monotonic() + RENEW_SECONDS, lease.valid_until)
        answer = self._speaker.extend(leasing.claim, kept, lease, until)
        if answer.lease is not None:
            self._put(leasing, replace(kept, lease=answer.lease))
        elif answer.refused:
            self._tell(leasing, "LeaseLost", f"{lease.address} of device {kept.device}: {answer.refused}")
            self._put(leasing, replace(kept, lease=lost(lease)))
        else:
            about = {"claim": str(leasing.claim)}
            log.warning("nobody prolongs %s of device %s", lease.address, kept.device, extra=about)
            return next_attempt(lease, self._clock.monotonic())
        return None

    def _seek(self, leasing: Leasing, kept: Kept) -> None:
        """The address is gone, or the kernel is taking it away just now: the plan learns of that before we ask again."""
        old = kept.lease
        if old is not None and old != lost(old):
            self._tell(leasing, "LeaseLost", f"{old.address} of device {kept.device}: nobody has prolonged it")
            self._put(leasing, replace(kept, lease=lost(old)))
            return
        hint = old.address.partition("/")[0] if old else ""
        lease = self._speaker.acquire(leasing.claim, kept, self._clock.monotonic() + ACQUIRE_SECONDS, hint)
        self._tell(leasing, "LeaseChanged", f"device {kept.device} has {lease.address} now", warning=False)
        self._put(leasing, replace(kept, lease=lease))

    def _apply(self, leasing: Leasing, kept: Kept) -> None:
        call = Call(key=uuid4().hex, deadline=self._clock.monotonic() + APPLY_SECONDS)
        plan = self._dataplane.prepared(leasing.claim.uid, call)
        if plan is None and self._holds(leasing.claim.uid) and self._lasts(kept.lease):
            hint = "it is made anew; until then its pod keeps the address as long as it was leased before"
            raise Failure(Code.UNAVAILABLE, str(leasing.claim), "has no record, so its lease cannot be applied", hint)
        if plan is None:  # taken back by somebody else: nobody will ask for these leases to be given back
            self._book.stand(leasing.claim.uid, Standing.ENDED)
            return
        again = Call(key=uuid4().hex, deadline=call.deadline, traceparent=plan.traceparent)
        devices = self._dataplane.readdress(renewed(plan, kept), again)
        self._put(leasing, replace(kept, applied=kept.lease))
        if devices and _shown(kept.applied) != _shown(kept.lease):
            at = self._clock.wall_ns()
            self._told(Outcome(claim=plan.claim, pod=plan.pod, devices=devices, at_ns=at, traceparent=plan.traceparent))

    def _lasts(self, lease: Lease | None) -> bool:
        return lease is not None and phase(lease, self._clock.monotonic()) is not Phase.EXPIRED

    def _give_back(self, leasing: Leasing, kept: Kept) -> None:
        if kept.lease is not None and self._lasts(kept.lease):
            self._speaker.release(leasing.claim, kept, kept.lease, self._clock.monotonic() + RELEASE_SECONDS)
        self._book.drop(leasing.claim.uid, kept)

    def _put(self, leasing: Leasing, kept: Kept) -> None:
        """Unless the claim has ended meanwhile: then what the book has is to be given back as it is."""
        found = self._book.of(leasing.claim.uid)
        if found is not None and found.standing is Standing.HELD:
            self._book.put(leasing.claim, kept)

    def _tell(self, leasing: Leasing, reason: str, text: str, warning: bool = True) -> None:
        claim = leasing.claim
        log.log(logging.WARNING if warning else logging.INFO, "%s: %s", claim, text, extra={"claim": str(claim)})
        self._notices.put(
            Notice(
                kind="ResourceClaim",
                namespace=claim.namespace,
                name=claim.name,
                uid=claim.uid,
                reason=reason,
                message=f"{claim}: {text}",
                warning=warning,
            )
        )


def _shown(lease: Lease | None) -> tuple[str, ...]:
    """What a claim's status tells of a lease."""
    return (lease.address, *lease.dns, "", *lease.search) if lease and lease != lost(lease) else ()
