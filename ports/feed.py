"""The inventory's way from the watcher to the DRA frontend: newest wins, and a late subscriber gets the newest at once."""

from __future__ import annotations

from typing import Protocol

from ports.devices import Inventory


class InventorySink(Protocol):
    """The watcher's end."""

    def publish(self, inventory: Inventory) -> None:
        """Offer the newest inventory; an older one that nobody took is dropped."""
        ...


class InventorySource(Protocol):
    """The DRA frontend's end."""

    def latest(self, timeout: float) -> Inventory | None:
        """The newest inventory not yet taken, waiting at most ``timeout`` seconds for one; None when there is none."""
        ...
