"""What the DRA frontend makes of an inventory beside its devices."""

from __future__ import annotations

from agent.services.inventories import Inventories
from ports.devices import Device, Identity, Inventory
from ports.plan import ClaimRef
from tests.services.support import FakeMeter
from tests.support.shelf import MemoryShelf


def test_what_no_event_told_of_is_a_number_for_people() -> None:
    meter = FakeMeter()
    inventories = Inventories(MemoryShelf(), meter)
    inventories.put(Inventory(generation=1, missed=3))
    assert meter.values["knd_missed_events"] == 3


def test_a_claim_does_not_get_the_interface_beside_the_one_that_it_was_allocated() -> None:
    def port(address: str) -> Device:
        identity = Identity(ifindex=3, pci_address="0000:3b:00.0", permanent_address=address)
        return Device(name="pci-0000-3b-00-0", identity=identity, interface="ens1")

    inventories = Inventories(MemoryShelf())
    inventories.hold(ClaimRef(namespace="team", name="net", uid="u"), (port("02:00:00:00:00:01"),))
    inventories.put(Inventory(generation=1, devices=(port("02:00:00:00:00:02"),)))
    assert inventories.device("pci-0000-3b-00-0") is None
    (other,) = inventories.shown().values()
    assert inventories.device(other.name) == other
    assert len(inventories.devices() or ()) == 2
