"""Profiles of a site's webhook: DRANET's two calls, with a key in a header by which a repetition is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.cloud.webhook import NAME, Webhook, identified
from ports.cluster import Json
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig
from ports.netconfig.encoding import encode
from ports.plan import ClaimRef
from ports.profiles import Wish

GRANT, RELEASE = "/GetProfileConfig", "/ReleaseProfileConfig"
GONE = 410  # released already, and for good
NOBODY = "there is no profile provider on this node"


class WebhookProfiles:
    """``ProfileProvider``."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def grant(self, claim: ClaimRef, body: Json, wish: Wish, seconds: float) -> NetworkConfig:
        """What the webhook gives. CORRUPT when that is no configuration, or of another profile than asked for."""
        asked = {**_identity(claim, wish), "claim": _without_noise(body)}
        answer = self._webhook.post(GRANT, asked, seconds, Idempotency_Key=_key(claim, wish))
        try:
            config = self._webhook.config(GRANT, answer)
        except Failure as failure:
            raise Failure(Code.CORRUPT, failure.subject, failure.detail) from failure
        if config.profile not in (None, "", wish.profile):
            raise Failure(Code.CORRUPT, f"{NAME} {GRANT}", f"answered another profile, {config.profile[:80]!r}")
        return config

    def release(self, claim: ClaimRef, wish: Wish, seconds: float) -> None:
        """Any good answer is the end of it, and so is 410."""
        try:
            self._webhook.post(RELEASE, _identity(claim, wish), seconds, Idempotency_Key=_key(claim, wish))
        except Failure as failure:
            if not failure.detail.startswith(f"answered {GONE}"):
                raise


class PlatformProfiles:
    """The profiles of the platform that was found: only a webhook has some."""

    def __init__(self, webhook: WebhookProfiles | None, found: Callable[[], str]) -> None:
        self._webhook = webhook
        self._found = found

    def grant(self, claim: ClaimRef, body: Json, wish: Wish, seconds: float) -> NetworkConfig:
        """What the webhook gives if it is the platform. UNAVAILABLE while no platform was found."""
        found = self._found()
        if self._webhook is None or found not in ("", NAME):
            raise NoProfiles.refusal(found and f"{found} has no profiles")
        if not found:
            raise Failure(Code.UNAVAILABLE, NAME, "does not answer yet")
        return self._webhook.grant(claim, body, wish, seconds)

    def release(self, claim: ClaimRef, wish: Wish, seconds: float) -> None:
        """Whoever gave it: only a webhook can have done so."""
        if self._webhook is None:
            raise NoProfiles.refusal()
        self._webhook.release(claim, wish, seconds)


class NoProfiles:
    """Nobody to ask. What was given before stays in the book until there is somebody again."""

    @staticmethod
    def refusal(why: str = "") -> Failure:
        """What a claim with a profile is told."""
        hint = "set --webhook-url and --profile-provider=webhook, or leave the profile out"
        return Failure(Code.INVALID, "profile", f"{NOBODY}{why and ': ' + why}", hint)

    def grant(self, claim: ClaimRef, body: Json, wish: Wish, seconds: float) -> NetworkConfig:  # noqa: ARG002 - the port's
        """Refused."""
        raise self.refusal()

    def release(self, claim: ClaimRef, wish: Wish, seconds: float) -> None:  # noqa: ARG002 - the port's
        """Refused."""
        raise self.refusal()


def _identity(claim: ClaimRef, wish: Wish) -> dict[str, Any]:
    return {"device": identified(wish.ids, wish.ids.device), "claim_uid": claim.uid, "config": encode(wish.config)}


def _key(claim: ClaimRef, wish: Wish) -> str:
    return f"{claim.uid}/{wish.ids.device}"


def _without_noise(body: Json) -> dict[str, Any]:
    """The claim without what says who wrote which of its fields."""
    metadata = {key: value for key, value in body.get("metadata", {}).items() if key != "managedFields"}
    return {**body, "metadata": metadata}
