"""What the DRA frontend makes of an inventory beside its devices."""

from __future__ import annotations

from agent.services.inventories import Inventories
from ports.devices import Inventory
from tests.services.support import FakeMeter
from tests.support.shelf import MemoryShelf


def test_what_no_event_told_of_is_a_number_for_people() -> None:
    meter = FakeMeter()
    inventories = Inventories(MemoryShelf(), meter)
    inventories.put(Inventory(generation=1, missed=3))
    assert meter.values["knd_missed_events"] == 3
