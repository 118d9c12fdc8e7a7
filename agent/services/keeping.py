"""Claims whose record was lost are prepared anew from the API: what the ledger could not rebuild by itself is planned again.

A record that nobody can read is quarantined, and where no version before it is of use, the dataplane knows nothing of the
claim any more. The kubelet does not either: it has its answer and asks for nothing. This process remembers what it prepared,
so it looks from time to time whether all of that is still known. A claim must be missing in two looks, because another
process of ours may just be taking it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from agent.services.backoff import Backoff
from agent.services.bell import Bell
from ports.clock import Clock
from ports.dataplane import Call, Preparing
from ports.errors import Failure
from ports.frontends import Refusal, Refusals, RuntimeLink
from ports.inbound import Prepared
from ports.outbox import Holdings
from ports.plan import ClaimRef

log = logging.getLogger("knd.keeping")
LOOK = 60.0  # seconds between two looks while nothing is missing
AGAIN = 5.0  # seconds until the second look
ANSWER = 5.0  # seconds that a peer has to answer
PREPARE = 30.0  # seconds for preparing one claim


class Mender(Protocol):
    """Who prepares."""

    def mend(self, claim: ClaimRef, deadline: float, wanted: Callable[[], bool]) -> Prepared:
        """Prepare the claim again if it is still wanted when its turn has come."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Heeded:
    """``Refusals`` that are taken over by another, and let the keeper look what is behind them."""

    refusals: Refusals
    wake: Callable[[], None]

    def refused(self, refusal: Refusal, call: Call) -> None:
        """A record that nobody can read makes refusals first."""
        self.wake()
        self.refusals.refused(refusal, call)


@dataclass(slots=True)
class _Missing:
    """A claim without a record: when it is tried next."""

    again: float
    backoff: Backoff = field(default_factory=lambda: Backoff(first=AGAIN, limit=600.0))


@dataclass
class Keeper:
    """``run`` belongs in a thread of its own."""

    mender: Mender
    dataplane: Preparing
    runtime: RuntimeLink
    holdings: Holdings
    clock: Clock

    def __post_init__(self) -> None:
        self._bell = Bell()
        self._missing: dict[str, _Missing] = {}

    def run(self) -> None:
        """Look until stopped."""
        while not self._bell.closed:
            self._bell.wait(AGAIN if self._missing else LOOK)
            if not self._bell.closed:
                self.look()

    def wake(self) -> None:
        """Look soon: somebody met a record that cannot be read."""
        self._bell.ring()

    def stop(self) -> None:
        """End ``run``; a claim that is being prepared is finished by its own deadline."""
        self._bell.close()

    def look(self) -> None:
        """One look, and one try for each claim that was missing before and is due."""
        try:
            lost = dict(self._lost())
        except Failure as failure:
            log.debug("not known what is prepared: %s", failure)
            return
        now = self.clock.monotonic()
        due = [uid for uid, missing in self._missing.items() if uid in lost and missing.again <= now]
        self._missing = {uid: self._missing.get(uid) or _Missing(again=now + AGAIN) for uid in lost}
        mended = [self._mend(lost[uid]) for uid in due]
        if any(mended):
            self._tell_runtime()

    def _lost(self) -> Iterator[tuple[str, ClaimRef]]:
        held = self.holdings.all()
        known = frozenset(self.dataplane.claims(self._call()))
        for uid, holding in held.items():
            if uid not in known and holding.claim is not None:
                yield uid, holding.claim

    def _mend(self, claim: ClaimRef) -> bool:
        log.warning("%s has no record any more: it is prepared anew", claim, extra={"claim": str(claim)})
        deadline = self.clock.monotonic() + PREPARE
        answer = self.mender.mend(claim, deadline, lambda: claim.uid in self.holdings.all())
        missing = self._missing[claim.uid]
        missing.again = self.clock.monotonic() + missing.backoff.next()
        return not answer.error

    def _tell_runtime(self) -> None:
        """Its pod may be waiting in a sandbox that nobody attached: the runtime asks no plugin about its containers."""
        try:
            self.runtime.compare(self._call())
        except Failure as failure:
            log.info("the NRI frontend compares with its next connect: %s", failure)

    def _call(self) -> Call:
        return Call(key=uuid4().hex, deadline=self.clock.monotonic() + ANSWER)
