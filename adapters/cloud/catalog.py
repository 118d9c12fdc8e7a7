"""Which platforms come into question, by the flags."""

from __future__ import annotations

from collections.abc import Callable

from adapters.cloud import address
from adapters.cloud.alibaba import Alibaba
from adapters.cloud.aws import Aws
from adapters.cloud.azure import Azure
from adapters.cloud.credentials import Credentials
from adapters.cloud.gce import Gce
from adapters.cloud.http import Client
from adapters.cloud.oke import Oke
from adapters.cloud.profiles import NoProfiles, PlatformProfiles, WebhookProfiles
from adapters.cloud.webhook import NAME, Webhook, WebhookProvider
from ports.errors import Code, Failure
from ports.profiles import ProfileProvider
from ports.providers import Provider

CLOUDS = {each.name: each for each in (Gce, Aws, Azure, Oke, Alibaba)}  # in the order in which they are believed


def webhook(url: str, credentials: Credentials) -> Webhook | None:
    """The site's webhook; None without a URL. INVALID for one that cannot be used, or that would give a token away."""
    if not url:
        if credentials != Credentials():
            raise Failure(Code.INVALID, "--webhook-ca-file, --webhook-token-file", "are given without --webhook-url")
        return None
    where = address.read(url)
    credentials.check()
    if credentials.token_file and not where.private:
        hint = "use https:// or unix://"
        raise Failure(Code.INVALID, url, "a token would be sent where others can read it", hint)
    return Webhook(Client(where, credentials))


def profiles(kind: str, site: Webhook | None, found: Callable[[], str]) -> ProfileProvider:
    """Who gives configuration for profiles; ``found`` says which platform this node is on."""
    if kind == "none":
        return NoProfiles()
    asked = WebhookProfiles(site) if site else None
    if kind == "cloud":
        return PlatformProfiles(asked, found)
    if asked is None:
        raise Failure(Code.INVALID, "--profile-provider=webhook", "needs --webhook-url")
    return asked


def candidates(hint: str, site: Webhook | None) -> tuple[Provider, ...]:
    """The platforms to look for: the one that the hint names, or all that there can be."""
    own = (WebhookProvider(site),) if site else ()
    if hint == NAME and not own:
        raise Failure(Code.INVALID, "--cloud-provider-hint=webhook", "needs --webhook-url")
    if hint == NAME:
        return own
    if hint:
        return tuple(made() for name, made in CLOUDS.items() if name == hint)
    return (*(made() for made in CLOUDS.values()), *own)
