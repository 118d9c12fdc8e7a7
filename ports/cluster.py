"""What we ask of the Kubernetes API server, as JSON objects of the ``resource.k8s.io/v1`` shape.

The adapter finds out at run time which version the server has and converts, so that nothing else knows of versions.
``Failure`` codes: NOT_FOUND (404), CONFLICT (409: changed meanwhile, or the UID is another one), INVALID (400, 422, with
the server's text), REFUSED (401, 403), UNAVAILABLE (no connection, 429, 5xx), DEADLINE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ports.plan import ClaimRef

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """An Event for people. ``kind`` is the object's kind (ResourceClaim, Pod, Node), ``reason`` CamelCase.

    Of our own Node the ``uid`` may be left empty: it is found out when the Event is recorded.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    reason: str
    message: str
    warning: bool = True


class Claims(Protocol):
    """ResourceClaims."""

    def claim(self, namespace: str, name: str) -> Json:
        """The claim as it is stored now (never from a cache)."""
        ...

    def apply_device_status(self, claim: ClaimRef, devices: tuple[Json, ...], manager: str) -> None:
        """Server-side apply of ``status.devices``: the full list of this manager's entries, force, guarded by the UID.

        Where the server refuses the apply because other fields of the status are not byte-equal (trap: "field is
        immutable"), the entries are written by a read-modify-write update instead.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """The slices at one moment; ``version`` is where a watch goes on from."""

    version: str
    bodies: tuple[Json, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What a watch has seen: a slice as it is stored now, or as it was when it was deleted (``gone``).

    Without a ``body`` nothing has changed but the version to go on from (a bookmark).
    """

    version: str
    body: Json | None = None
    gone: bool = False


class Slices(Protocol):
    """The ResourceSlices of one driver on one node."""

    def slices(self) -> Listed:
        """All of them."""
        ...

    def create_slice(self, body: Json) -> Json:
        """Create; the object as the server stored it (fields of switched-off features are dropped silently)."""
        ...

    def try_slice(self, body: Json) -> None:
        """Whether the server would create it: INVALID when not. Nothing is stored."""
        ...

    def update_slice(self, body: Json) -> Json:
        """Replace, guarded by ``metadata.resourceVersion``; the object as stored."""
        ...

    def delete_slice(self, name: str) -> None:
        """Delete; one that is gone is a success."""
        ...

    def changes(self, version: str, timeout: float) -> Iterator[Change]:
        """What anybody, we included, did to these slices after ``version``, as it happens; ends after ``timeout`` seconds.

        It may end early, when nothing was heard for long, and can then go on from the last version. CONFLICT: the server
        does not know what happened since that version any more, so list again. UNAVAILABLE and the like: no connection.
        """
        ...


class Cluster(Claims, Slices, Protocol):
    """All of it."""

    def node_uid(self) -> str:
        """The UID of our Node object, for the slices' owner reference."""
        ...

    def notify(self, notice: Notice) -> None:
        """Record an Event. Best effort: a Failure here must never fail what the Event is about."""
        ...
