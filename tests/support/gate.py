"""A gate in memory, for tests."""

from __future__ import annotations

from ports.devices import DeviceNode
from ports.plan import ClaimRef


class MemoryGate:
    """Implements ``ports.gate.Gate``; ``interfaces`` and ``nodes`` hold what each open gate lets through, by claim UID."""

    def __init__(self) -> None:
        self.interfaces: dict[str, tuple[str, ...]] = {}
        self.nodes: dict[str, tuple[DeviceNode, ...]] = {}

    def open(self, claim: ClaimRef, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...] = ()) -> None:
        """Open it."""
        self.interfaces[claim.uid] = interfaces
        self.nodes[claim.uid] = nodes

    def close(self, claim_uid: str) -> None:
        """Close it."""
        self.interfaces.pop(claim_uid, None)
        self.nodes.pop(claim_uid, None)

    def opened(self) -> frozenset[str]:
        """Those open."""
        return frozenset(self.interfaces)
