"""What the DRA frontend must not forget, kept by claim: outcomes still to be told, devices that claims hold.

Durable when a call returns: written aside, synced, renamed. Kept below the runtime directory, so for this boot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ports.devices import Device
from ports.frontends import Outcome
from ports.plan import ClaimRef

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """The devices that a prepared claim holds, as they were published when it got them.

    ``claim`` is None where a version before this one wrote it down.
    """

    devices: tuple[Device, ...]
    claim: ClaimRef | None = None


class Shelf(Protocol[T]):
    """One value a claim. Raises ``Failure`` INTERNAL, with the system's words, when the disk refuses."""

    def put(self, claim_uid: str, value: T) -> None:
        """Keep the value in the place of the claim's earlier one."""
        ...

    def drop(self, claim_uid: str) -> None:
        """Forget the claim's value. One that is not there is a success."""
        ...

    def get(self, claim_uid: str) -> T | None:
        """The claim's value; None when there is none, or none that can be read."""
        ...

    def all(self) -> Mapping[str, T]:
        """Everything that can be read. An unreadable value is moved aside, reported in the log, and left out."""
        ...


Outbox = Shelf[Outcome]
Holdings = Shelf[Holding]
