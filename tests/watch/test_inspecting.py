"""One source that fails costs what it would have told, and nothing else."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest

from agent.services.inspecting import Inspector, Sources
from ports.devices import Link, Program
from ports.errors import Code, Failure
from ports.hardware import Hardware, LinkDetails, LinkSettings, PciFacts, WireNeighbour
from tests.watch.trees import a_link

CARD = Hardware(virtual=False, pci_address="0000:3b:00.0", function=PciFacts(total_vfs=8))
SETTINGS = LinkSettings(speed=100_000, duplex="full")
DETAILS = LinkDetails(alias="rack 7")
PROGRAMS = (Program(hook="xdp", name="guard", id=7),)
NEIGHBOUR = WireNeighbour(system="leaf1")
PARTS = ("hardware", "settings", "details", "programs", "switches", "wires")


@dataclass
class Host:
    """Everything that can be asked; ``broken`` are the parts that fail."""

    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def _answer(self, part: str) -> None:
        self.asked.append(part)
        if part in self.broken:
            raise Failure(Code.DEADLINE, part, "the kernel did not answer")

    def hardware(self, link: Link) -> Hardware | None:
        self._answer("hardware")
        return CARD

    def function(self, pci_address: str) -> Hardware:
        self._answer("hardware")
        return CARD

    def settings(self, link: Link) -> LinkSettings:
        self._answer("settings")
        return SETTINGS

    def details(self, link: Link) -> LinkDetails:
        self._answer("details")
        return DETAILS

    def programs(self, link: Link) -> tuple[Program, ...] | None:
        self._answer("programs")
        return PROGRAMS

    def eswitch(self, pci_address: str) -> str:
        self._answer("switches")
        return "switchdev"

    def neighbour(self, link: Link) -> WireNeighbour | None:
        self._answer("wires")
        return NEIGHBOUR


def inspector(host: Host) -> Inspector:
    """Over that host."""
    return Inspector(
        Sources(hardware=host, settings=host, details=host, programs=host, switches=host, wires=host),
    )


def test_all_that_is_known_is_put_together() -> None:
    found = inspector(Host()).hardware(a_link())
    assert (found.pci_address, found.function) == (CARD.pci_address, CARD.function)
    assert (found.settings, found.details, found.programs) == (SETTINGS, DETAILS, PROGRAMS)
    assert (found.eswitch, found.neighbour) == ("switchdev", NEIGHBOUR)


@pytest.mark.parametrize("broken", PARTS[1:])
def test_one_broken_source_costs_what_it_would_have_told(broken: str) -> None:
    whole, found = inspector(Host()).hardware(a_link()), inspector(Host({broken})).hardware(a_link())
    field_of = {"switches": "eswitch", "wires": "neighbour"}.get(broken, broken)
    assert [name for name in Hardware.__slots__ if getattr(found, name) != getattr(whole, name)] == [field_of]


def test_without_sysfs_hardware_is_told_by_the_link_and_the_rest_is_still_asked() -> None:
    found = inspector(Host({"hardware"})).hardware(a_link(kind="veth"))
    assert (found.virtual, found.settings, found.programs) == (True, SETTINGS, PROGRAMS)


def test_a_source_that_stays_broken_is_told_once_and_again_after_it_was_well(caplog: pytest.LogCaptureFixture) -> None:
    host = Host({"settings"})
    inspecting = inspector(host)
    with caplog.at_level(logging.WARNING):
        for broken in ({"settings"}, {"settings"}, set(), {"settings"}):
            host.broken = set(broken)
            inspecting.hardware(a_link())
    assert [record.getMessage() for record in caplog.records] == [
        "speed and driver of ens1 cannot be read: settings: the kernel did not answer"
    ] * 2


def test_only_a_function_that_can_have_others_is_asked_for_its_switch() -> None:
    host = Host()
    inspector(host).hardware(a_link())
    assert "switches" in host.asked
    host.asked.clear()
    inspector(Host({"hardware"})).hardware(a_link())
    assert "switches" not in host.asked


def test_a_function_that_cannot_be_read_still_has_its_address() -> None:
    found = inspector(Host({"hardware"})).function("0000:3b:00.0")
    assert (found.pci_address, found.virtual) == ("0000:3b:00.0", False)
