"""The configuration that profiles give to claims: asked for in Prepare, within the kubelet's deadline."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from agent.services.grants import GrantBook
from agent.services.together import together
from ports.clock import Clock
from ports.cluster import Json
from ports.errors import Code, Failure
from ports.metrics import Meter
from ports.netconfig import NetworkConfig
from ports.plan import ClaimRef
from ports.profiles import Grant, ProfileProvider, Wish

log = logging.getLogger("knd.profiles")
ONE_CALL = 10.0  # seconds, at most
AT_ONCE = 8  # devices of one claim asked for at the same time
REFUSALS = frozenset({Code.INVALID, Code.CONFLICT, Code.REFUSED})


class Profiles:
    """Asks, and keeps what was given until ``end``; ``Releases`` takes it back."""

    def __init__(self, *, provider: ProfileProvider, book: GrantBook, clock: Clock, meter: Meter) -> None:
        self._provider = provider
        self._book = book
        self._clock = clock
        self._meter = meter

    def give(
        self, claim: ClaimRef, body: Json, wishes: tuple[Wish, ...], deadline: float
    ) -> Mapping[str, NetworkConfig]:
        """The configuration of each wish, by device name. Asked again only for what is not known to be given.

        The first Failure is raised when all have been asked; what was given meanwhile is kept, for the next try or the end.
        """
        with self._book.turn(claim.uid, deadline - self._clock.monotonic()):
            opened = self._book.open(claim, wishes)
            tried = together(lambda grant: self._tried(claim, body, grant, deadline), opened, AT_ONCE)
            given = tuple(each for each in tried if isinstance(each, Grant))
            pairs = zip(opened, tried, strict=True)
            refused = tuple(grant for grant, each in pairs if isinstance(each, Failure) and _gave_nothing(grant, each))
            self._book.answered(claim, given, refused)
        for each in tried:
            if isinstance(each, Failure):
                raise each
        return {grant.wish.ids.device: grant.answer for grant in given if grant.answer is not None}

    def end(self, claim_uid: str, deadline: float) -> None:
        """The claim is at its end: what it was given is to be taken back.

        A repetition does not wait for a provider that hangs while just that is being done.
        """
        if all(grant.ending for grant in self._book.of(claim_uid)):
            return
        with self._book.turn(claim_uid, deadline - self._clock.monotonic()):
            self._book.end(claim_uid)

    def _tried(self, claim: ClaimRef, body: Json, grant: Grant, deadline: float) -> Grant | Failure:
        if grant.answer is not None:
            return grant
        try:
            return replace(grant, answer=self._asked(claim, body, grant.wish, deadline))
        except Failure as failure:
            return failure

    def _asked(self, claim: ClaimRef, body: Json, wish: Wish, deadline: float) -> NetworkConfig:
        began = self._clock.monotonic()
        seconds = min(ONE_CALL, deadline - began)
        result: str = Code.DEADLINE
        try:
            if seconds <= 0:
                raise Failure(Code.DEADLINE, f"profile {wish.profile}", "no time is left to ask for it")
            answer = self._provider.grant(claim, body, wish, seconds)
            result = "success"
        except Failure as failure:
            result = failure.code
            subject = f"profile {wish.profile} for device {wish.ids.device}"
            raise Failure(failure.code, subject, str(failure)) from failure
        finally:
            self._meter.count("knd_profile_calls", call="grant", result=result)
            self._meter.observe("knd_profile_call_seconds", self._clock.monotonic() - began, call="grant")
        log.info(
            "profile %s has given a configuration to device %s", wish.profile, wish.ids.device, extra=_about(claim)
        )
        return answer


def _gave_nothing(grant: Grant, failure: Failure) -> bool:
    """Whether there is nothing to be taken back: no such profile, or the very first question refused."""
    return failure.code is Code.NOT_FOUND or (failure.code in REFUSALS and not grant.unsure)


def _about(claim: ClaimRef) -> dict[str, str]:
    return {"claim": str(claim)}
