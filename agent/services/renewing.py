"""The loop that keeps leases: renewed in time, from wherever the device is; applied when they change; given back at the end.

Each lease has work of its own, so a server that is silent holds up nobody else's. What is written down is the truth; what
is only remembered here (when to try again) may be lost with the process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

from agent.domain.dhcp.exchange import Phase, next_attempt, phase
from agent.domain.leasing import lost, renewed
from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.lease_book import LeaseBook
from agent.services.notices import Notices
from agent.services.speaking import Speaker
from ports.clock import Clock
from ports.cluster import Notice
from ports.dataplane import Call, Preparing
from ports.dhcp import Kept, Lease, Leasing, Standing
from ports.errors import Failure
from ports.frontends import Outcome
from ports.metrics import Meter

log = logging.getLogger("knd.dhcp")
RENEW_SECONDS, ACQUIRE_SECONDS, RELEASE_SECONDS, APPLY_SECONDS = 12.0, 20.0, 5.0, 10.0
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
    """``tell`` says who takes the outcome of a lease that changed in a running pod, for the claim's status."""

    def __init__(
        self,
        *,
        speaker: Speaker,
        book: LeaseBook,
        dataplane: Preparing,
        notices: Notices,
        clock: Clock,
        meter: Meter,
        begin: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._speaker = speaker
        self._book = book
        self._dataplane = dataplane
        self._told: Callable[[Outcome], None] = lambda _: None
        self._notices = notices
        self._clock = clock
        self._meter = meter
        self._begin = begin
        self._bell = Bell()
        self._busy: set[Key] = set()
        self._attempts: dict[Key, _Attempt] = {}

    def tell(self, told: Callable[[Outcome], None]) -> None:
        """Call this with each outcome."""
        self._told = told

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
            match leasing.standing:
                case Standing.SOUGHT:
                    self._book.stand(leasing.claim.uid, Standing.ENDED)
                case Standing.ENDED:
                    self._give_back(leasing, kept)
                case Standing.HELD:
                    self._keep(key, leasing, kept)
        except Failure as failure:
            log.warning("lease of device %s: %s", kept.device, failure, extra={"claim": str(leasing.claim)})
            self._again(key, leasing.standing)
        except Exception:
            log.exception("a defect", extra={"claim": str(leasing.claim)})
            self._again(key, leasing.standing)
        finally:
            self._busy.discard(key)
            self._bell.ring()

    def _keep(self, key: Key, leasing: Leasing, kept: Kept) -> None:
        """One thing at a time: what is not in the plan yet comes before the next word with the server."""
        if kept.lease != kept.applied:
            self._apply(leasing, kept)
        elif kept.lease is None or phase(kept.lease, self._clock.monotonic()) is Phase.EXPIRED:
            self._look_again(leasing, kept)
        else:
            self._extend(key, leasing, kept, kept.lease)
            return
        self._attempts.pop(key, None)

    def _extend(self, key: Key, leasing: Leasing, kept: Kept, lease: Lease) -> None:
        until = min(self._clock.monotonic() + RENEW_SECONDS, lease.valid_until)
        answer = self._speaker.extend(leasing.claim, kept, lease, until)
        if answer.lease is not None:
            self._attempts.pop(key, None)
            self._put(leasing, replace(kept, lease=answer.lease))
        elif answer.refused:
            self._attempts.pop(key, None)
            self._tell(leasing, "LeaseLost", f"{lease.address} of device {kept.device}: {answer.refused}")
            self._put(leasing, replace(kept, lease=lost(lease)))
        else:
            at = next_attempt(lease, self._clock.monotonic())
            self._attempts[key] = _Attempt(leasing.standing, at, Backoff(first=1.0, limit=60.0))
            log.warning(
                "nobody prolongs %s of device %s", lease.address, kept.device, extra={"claim": str(leasing.claim)}
            )

    def _look_again(self, leasing: Leasing, kept: Kept) -> None:
        """The address is gone, or the kernel is taking it away just now: the plan learns of that before we ask again."""
        hint = kept.lease.address.partition("/")[0] if kept.lease else ""
        if kept.lease is not None and kept.lease != lost(kept.lease):
            self._tell(leasing, "LeaseLost", f"{kept.lease.address} of device {kept.device}: nobody has prolonged it")
            self._put(leasing, replace(kept, lease=lost(kept.lease)))
            return
        lease = self._speaker.acquire(leasing.claim, kept, self._clock.monotonic() + ACQUIRE_SECONDS, hint)
        self._tell(leasing, "LeaseChanged", f"device {kept.device} has {lease.address} now", warning=False)
        self._put(leasing, replace(kept, lease=lease))

    def _apply(self, leasing: Leasing, kept: Kept) -> None:
        call = Call(key=uuid4().hex, deadline=self._clock.monotonic() + APPLY_SECONDS)
        plan = self._dataplane.prepared(leasing.claim.uid, call)
        if plan is None:  # taken back by somebody else: nobody will ask for these leases to be given back
            self._book.stand(leasing.claim.uid, Standing.ENDED)
            return
        again = Call(key=uuid4().hex, deadline=call.deadline, traceparent=plan.traceparent)
        devices = self._dataplane.readdress(renewed(plan, kept), again)
        moved = _addressed(kept.applied) != _addressed(kept.lease)
        self._put(leasing, replace(kept, applied=kept.lease))
        if devices and moved:
            at = self._clock.wall_ns()
            self._told(Outcome(claim=plan.claim, pod=plan.pod, devices=devices, at_ns=at, traceparent=plan.traceparent))

    def _give_back(self, leasing: Leasing, kept: Kept) -> None:
        if kept.lease is not None and phase(kept.lease, self._clock.monotonic()) is not Phase.EXPIRED:
            self._speaker.release(leasing.claim, kept, kept.lease, self._clock.monotonic() + RELEASE_SECONDS)
        self._book.drop(leasing.claim.uid, kept)

    def _put(self, leasing: Leasing, kept: Kept) -> None:
        """Unless the claim has ended meanwhile: then what the book has is to be given back as it is."""
        found = self._book.of(leasing.claim.uid)
        if found is not None and found.standing is Standing.HELD:
            self._book.put(leasing.claim, kept)

    def _again(self, key: Key, standing: Standing) -> None:
        earlier = self._attempts.get(key)
        goes_on = earlier is not None and earlier.standing is standing
        backoff = earlier.backoff if earlier and goes_on else Backoff(first=1.0, limit=60.0)
        self._attempts[key] = _Attempt(standing, self._clock.monotonic() + backoff.next(), backoff)

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


def _key(leasing: Leasing, kept: Kept) -> Key:
    return leasing.claim.uid, kept.device, kept.family


def _addressed(lease: Lease | None) -> str:
    return lease.address if lease and lease != lost(lease) else ""
