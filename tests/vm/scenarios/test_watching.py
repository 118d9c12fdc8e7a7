"""``knd watch`` on a machine whose cards come, go, and get virtual functions and RDMA devices while it runs.

Each test prints the seconds from the change to the inventory that tells it. The emulated processor is some ten times slower
than a real one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports.devices import Device
from tests.support.watching import Watching
from tests.vm.scenarios import rdma
from tests.vm.scenarios.cards import PCI, virtual_functions
from tests.vm.scenarios.pods import Pod, ip

pytestmark = pytest.mark.vm
SOON = 20.0  # seconds
NODE = "198.51.100.5"
CARD, PORT, INTERFACE = "pci-0000-81-00-0", "0000:81:00.0", "enp129s0"
FUNCTIONS = "pci-0000-81-10-"
PLUGGED = "0000:83:00.0"


@pytest.fixture(scope="module")
def watching() -> Iterator[Watching]:
    with tempfile.TemporaryDirectory(prefix="knd-watch-") as directory:
        made = Watching(Path(directory), bound=120.0, flags=(f"--needed-addresses={NODE}",))
        made.until(lambda devices: CARD in devices)
        yield made
        made.close()


def told(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.2f} s from the event to the inventory")
    assert seconds < SOON, what


def attribute(device: Device, name: str) -> object:
    return device.attributes.get(f"dra.net/{name}")


def test_a_renamed_card_is_the_same_device(watching: Watching) -> None:
    def renamed(name: str) -> float:
        current = next((PCI / PORT / "net").iterdir()).name
        return watching.seconds(
            lambda: ip("link", "set", current, "name", name), lambda devices: devices[CARD].interface == name
        )

    try:
        told("rename", renamed("rail7"))
    finally:
        told("rename back", renamed(INTERFACE))


def test_virtual_functions_come_and_go(watching: Watching) -> None:
    """Only the virtual functions' events come; the card is told of them nevertheless."""

    def functions(devices: dict[str, Device]) -> object:
        there = sum(name.startswith(FUNCTIONS) for name in devices)
        return there if attribute(devices[CARD], "sriovVfs") == there else None

    made = virtual_functions(INTERFACE, 2)
    told("virtual functions", watching.seconds(made.__enter__, lambda devices: functions(devices) == 2))
    told(
        "virtual functions gone",
        watching.seconds(lambda: made.__exit__(None, None, None), lambda devices: functions(devices) == 0),
    )


def test_a_card_that_is_unplugged_and_plugged_in_again_is_the_same_device(watching: Watching) -> None:
    name = "pci-0000-83-00-0"
    try:
        gone = watching.seconds(lambda: _write(PCI / PLUGGED / "remove"), lambda devices: name not in devices)
    finally:
        back = watching.seconds(lambda: _write(PCI.parent / "rescan"), lambda devices: name in devices)
    told("unplugged", gone)
    told("plugged in", back)


def test_an_rdma_device_upon_a_card_is_told_and_its_end_too(watching: Watching) -> None:
    made = rdma.rxe("rxw", INTERFACE)
    told(
        "RDMA device",
        watching.seconds(made.__enter__, lambda devices: attribute(devices[CARD], "rdmaDevice") == "rxw"),
    )
    told(
        "RDMA device gone",
        watching.seconds(
            lambda: made.__exit__(None, None, None), lambda devices: attribute(devices[CARD], "rdma") is False
        ),
    )


def test_a_card_goes_to_a_pod_and_comes_back_the_same(watching: Watching, new_pod: Pod) -> None:
    gone = watching.seconds(
        lambda: ip("link", "set", INTERFACE, "netns", new_pod.name), lambda devices: CARD not in devices
    )
    back = watching.seconds(
        lambda: new_pod.run("ip", "link", "set", INTERFACE, "netns", "1"), lambda devices: CARD in devices
    )
    told("to a pod", gone)
    told("back", back)


def test_what_a_vlan_with_the_nodes_address_stands_on_is_not_offered(watching: Watching) -> None:
    cards = {"enp65s0": "pci-0000-41-00-0", "enp68s0": "pci-0000-44-00-0"}
    ip("link", "add", "bond0", "type", "bond", "mode", "active-backup")
    try:
        for card in cards:
            ip("link", "set", card, "down", "master", "bond0")
        ip("link", "set", "bond0", "up")
        ip("link", "add", "node100", "link", "bond0", "type", "vlan", "id", "100")
        watching.until(lambda devices: {"bond0", "node100"} <= devices.keys())
        ip("link", "set", "node100", "up")
        told(
            "uplink",
            watching.seconds(
                lambda: ip("address", "add", f"{NODE}/24", "dev", "node100"),
                lambda devices: not {"bond0", "node100", *cards.values()} & devices.keys(),
            ),
        )
    finally:
        ip("link", "delete", "bond0")
    watching.until(lambda devices: set(cards.values()) <= devices.keys())


def _write(path: Path) -> None:
    path.write_text("1")
