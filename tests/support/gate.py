"""A gate in memory, for tests."""

from __future__ import annotations

from ports.plan import ClaimRef


class MemoryGate:
    """Implements ``ports.gate.Gate``; ``interfaces`` holds what each open gate lets through, by claim UID."""

    def __init__(self) -> None:
        self.interfaces: dict[str, tuple[str, ...]] = {}

    def open(self, claim: ClaimRef, interfaces: tuple[str, ...]) -> None:
        """Open it."""
        self.interfaces[claim.uid] = interfaces

    def close(self, claim_uid: str) -> None:
        """Close it."""
        self.interfaces.pop(claim_uid, None)

    def opened(self) -> frozenset[str]:
        """Those open."""
        return frozenset(self.interfaces)
