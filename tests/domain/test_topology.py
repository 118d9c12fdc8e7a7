"""How near a GPU and a network card are."""

from __future__ import annotations

import pytest

from agent.domain.topology import GPU, NIC, Alignment, Part, alignment, pairs, parts, tree
from agent.domain.topology.alignment import best
from ports.devices import Device, Identity
from ports.hardware import Hardware, PciFacts

PORT, UP, DOWN, OTHER_DOWN = "0000:15:01.0", "0000:16:00.0", "0000:17:00.0", "0000:17:01.0"


def hardware(address: str, code: str, bridges: tuple[str, ...] = (), **more: object) -> Hardware:
    """A PCI function with this class."""
    facts = PciFacts(class_code=code, bridges=bridges, **more)  # type: ignore[arg-type]
    return Hardware(virtual=False, pci_address=address, pcie_root="pci0000:15", numa_node=0, function=facts)


def part(role: str, address: str, *bridges: str, root: str | None = "pci0000:15", node: int | None = 0) -> Part:
    """A part at a place."""
    made = Hardware(
        virtual=False, pci_address=address, pcie_root=root, numa_node=node, function=PciFacts(bridges=bridges)
    )
    return Part(role=role, address=address, hardware=made)


CARD = part(NIC, "0000:19:00.0", PORT, UP, OTHER_DOWN)


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (part(GPU, "0000:18:00.0", PORT, UP, DOWN), Alignment.SWITCH),
        (part(GPU, "0000:18:00.0", PORT, UP, DOWN, "0000:20:00.0", "0000:21:00.0"), Alignment.SWITCH),
        (part(GPU, "0000:18:00.0", "0000:15:02.0"), Alignment.ROOT),
        (part(GPU, "0000:18:00.0", root="pci0000:26"), Alignment.NODE),
        (part(GPU, "0000:18:00.0", root=None), Alignment.NODE),
        (part(GPU, "0000:18:00.0", root="pci0000:87", node=1), Alignment.NONE),
        (part(GPU, "0000:18:00.0", root=None, node=None), Alignment.NONE),
        (part(GPU, "0000:18:00.0", PORT, UP, DOWN, root="pci0001:15", node=1), Alignment.NONE),
    ],
)
def test_the_nearest_thing_in_common_counts(gpu: Part, expected: Alignment) -> None:
    assert alignment(gpu, CARD) is alignment(CARD, gpu) is expected


def test_two_that_are_known_to_be_on_no_node_are_not_on_the_same() -> None:
    gpu, card = (part(role, address, root=None, node=None) for role, address in ((GPU, "a"), (NIC, "b")))
    assert alignment(gpu, card) is Alignment.NONE


def test_the_nearest_cards_of_each_gpu_are_named_and_none_where_none_is_near() -> None:
    near, lonely = (
        part(GPU, "0000:18:00.0", PORT, UP, DOWN),
        part(GPU, "0000:99:00.0", root="pci0000:99", node=1),
    )
    farther = part(NIC, "0000:30:00.0", root="pci0000:30")
    found = best(pairs([near, lonely, CARD, farther]))
    assert [(pair.gpu.address, pair.nic.address) for pair in found] == [("0000:18:00.0", "0000:19:00.0")]


@pytest.mark.parametrize(
    ("code", "vendor", "role"),
    [
        ("030200", "10de", GPU),
        ("038000", "1002", GPU),
        ("120000", "1da3", GPU),
        ("030000", "10de", GPU),
        ("030000", "1a03", ""),
        ("020000", "15b3", NIC),
        ("020700", "15b3", NIC),
        ("010802", "144d", ""),
        ("", "", ""),
    ],
)
def test_roles_by_class_and_a_boards_own_display_is_no_gpu(code: str, vendor: str, role: str) -> None:
    found = parts([hardware("0000:01:00.0", code, vendor=vendor)], [], {})
    assert [each.role for each in found] == ([role] if role else [])


def test_an_rdma_card_of_a_class_of_its_own_is_a_network_card() -> None:
    device = Device(name="d", identity=Identity(ifindex=0, pci_address="0000:01:00.0", rdma="erdma_0"), interface="")
    (found,) = parts([hardware("0000:01:00.0", "00ff00")], [device], {})
    assert (found.role, found.devices) == (NIC, (device,))


def test_virtual_functions_are_counted_with_the_physical_one() -> None:
    physical = hardware("0000:01:00.0", "020000")
    functions = [hardware(f"0000:01:00.{index}", "020000", physical="0000:01:00.0") for index in (1, 2)]
    (found,) = parts([physical, *functions], [], {})
    assert found.functions == 2


def test_a_part_behind_two_switches_hangs_on_the_inner_one() -> None:
    inner = part(NIC, "0000:30:00.0", PORT, UP, DOWN, "0000:20:00.0", "0000:21:00.0")
    (node,) = tree([inner, CARD])
    (root,) = node.branches
    (outer,) = root.branches
    assert (node.name, root.name, outer.name, outer.parts) == ("0", "pci0000:15", UP, [CARD])
    assert [(each.name, each.parts) for each in outer.branches] == [("0000:20:00.0", [inner])]
