"""What the node's configuration says reaches the feed, with the devices or without them having changed."""

from __future__ import annotations

from agent.services.configuring import ConfiguredSink
from ports.devices import Device, Identity, Inventory
from ports.nodeconfig import EMPTY, NodeConfig, decode


class Node:
    """A feed and a configuration that a test sets."""

    def __init__(self, config: NodeConfig | None = EMPTY) -> None:
        self.config = config
        self.told: list[Inventory] = []
        self.sink = ConfiguredSink(self, lambda: self.config, "dra.net")

    def publish(self, inventory: Inventory) -> None:
        self.told.append(inventory)

    def see(self, *names: str, generation: int = 1) -> None:
        devices = tuple(Device(name=name, identity=Identity(ifindex=1), interface=name) for name in names)
        self.sink.publish(Inventory(generation=generation, devices=devices))

    def configure(self, **content: object) -> None:
        self.config = decode(({"apiVersion": "knd/v1", "kind": "NodeConfiguration", **content},), "dra.net")
        self.sink.reconfigured()

    def names(self) -> list[str]:
        return [device.name for device in self.told[-1].devices]


def test_without_a_configuration_all_devices_pass() -> None:
    node = Node()
    node.see("eth1", "eth2")
    assert node.names() == ["eth1", "eth2"]


def test_a_new_configuration_is_applied_to_what_was_seen() -> None:
    node = Node()
    node.see("eth1", "eth2")
    node.configure(deny=[{"interfaces": ["eth1"]}], attributes=[{"set": {"example.com/rail": 3}}])
    assert node.names() == ["eth2"]
    assert node.told[-1].devices[0].attributes == {"example.com/rail": 3}
    assert node.told[-1].generation > node.told[-2].generation


def test_what_changes_nothing_is_not_told() -> None:
    node = Node()
    node.see("eth1")
    node.configure(deny=[{"interfaces": ["eth9"]}])
    node.see("eth1", generation=2)
    node.configure(deny=[{"interfaces": ["eth2"]}])
    node.see("eth1", "eth2", generation=3)
    assert len(node.told) == 1


def test_while_nobody_can_tell_what_is_denied_nothing_is_told() -> None:
    node = Node(None)
    node.see("eth1")
    node.sink.reconfigured()
    assert node.told == []
    node.configure()
    assert node.names() == ["eth1"]


def test_a_configuration_before_the_first_look_is_no_inventory() -> None:
    node = Node()
    node.configure()
    assert node.told == []


def test_what_an_audit_missed_is_told_although_no_device_changed() -> None:
    node = Node()
    node.see("eth1")
    node.sink.publish(Inventory(generation=2, devices=node.told[-1].devices, missed=1))
    assert [inventory.missed for inventory in node.told] == [0, 1]
