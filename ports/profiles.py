"""Profiles: a claim names one, and a provider (a site's IPAM, say) gives the configuration, and takes it back afterwards.

A provider may be asked the same twice, and be told twice to take back: claim UID and device name are the key of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.cluster import Json
from ports.netconfig import NetworkConfig
from ports.plan import ClaimRef
from ports.providers import DeviceIds


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One device for which a profile is asked; ``config`` is what is known without it, with the profile's name in it."""

    ids: DeviceIds
    config: NetworkConfig

    @property
    def profile(self) -> str:
        """The profile's name."""
        return self.config.profile or ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A wish that the provider has, or may have, granted.

    ``answer`` None: it is being asked, or was and what it did is not known. ``ending``: it is to be taken back. ``unsure``:
    there was an earlier question for this claim and device, so that a refusal now does not mean that nothing is given.
    """

    wish: Wish
    answer: NetworkConfig | None = None
    ending: bool = False
    unsure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """All of one claim."""

    claim: ClaimRef
    grants: tuple[Grant, ...]


class ProfileProvider(Protocol):
    """Who gives and takes back.

    ``Failure`` codes: NOT_FOUND (no such profile), INVALID, CONFLICT and REFUSED (nothing was given by this call), CORRUPT (an
    answer that is none), UNAVAILABLE, DEADLINE (something may be given).
    """

    def grant(self, claim: ClaimRef, body: Json, wish: Wish, seconds: float) -> NetworkConfig:
        """The configuration; ``body`` is the claim as the API server has it."""
        ...

    def release(self, claim: ClaimRef, wish: Wish, seconds: float) -> None:
        """Take back what was given for this claim and device, if anything was."""
        ...
