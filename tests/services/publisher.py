"""A publisher on a clock that tests move, in front of the fake cluster or of a stand-in API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.services.inventories import Inventories
from agent.services.publisher import Node, NodeSlices, Publisher
from ports.devices import AttributeValue, Device, Inventory
from ports.outbox import Holding
from tests.services.support import DRIVER, NODE, FakeMeter, KeptNotices
from tests.support.clock import FakeClock
from tests.support.shelf import MemoryShelf

WRITES = ("create_slice", "update_slice", "delete_slice")


class PublisherBench:
    """``look`` after each ``show``."""

    def __init__(
        self,
        cluster: NodeSlices,
        keeps: Callable[[Mapping[str, AttributeValue]], bool] = lambda _: True,
        node: str = NODE,
    ) -> None:
        self.clock = FakeClock()
        self.meter = FakeMeter()
        self.notices = KeptNotices()
        shelf: MemoryShelf[Holding] = MemoryShelf()
        self.inventories = Inventories(shelf)
        self.publisher = Publisher(
            node=Node(driver=DRIVER, name=node),
            cluster=cluster,
            inventories=self.inventories,
            keeps=keeps,
            clock=self.clock,
            meter=self.meter,
            notices=self.notices,
        )

    def show(self, *devices: Device) -> float | None:
        """The host has these devices now."""
        self.inventories.put(Inventory(generation=1, devices=devices))
        return self.publisher.look()

    def events(self) -> list[str]:
        """The reasons of the Events on the Node."""
        assert all((notice.kind, notice.name) == ("Node", NODE) for notice in self.notices.kept)
        return [notice.reason for notice in self.notices.kept]


def by_name(bodies: Any) -> dict[str, Any]:
    """The devices of these slices."""
    return {device["name"]: device for body in bodies for device in body["spec"].get("devices") or ()}
