"""All that can be found out of one interface, put together from those who each know a part.

Each part may fail by itself (a driver that hangs, a right that is missing): it costs what that part would have told, and
a line in the log the first time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ports.devices import Link, Program
from ports.discovery import DetailFacts, HardwareFacts, ProgramFacts, SettingsFacts, SwitchFacts, WireFacts
from ports.errors import Failure
from ports.hardware import Hardware, LinkSettings

log = logging.getLogger("knd.inventory")
T = TypeVar("T")
REMEMBERED = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Who knows what."""

    hardware: HardwareFacts
    settings: SettingsFacts
    details: DetailFacts
    programs: ProgramFacts
    switches: SwitchFacts
    wires: WireFacts


class Inspector:
    """Implements ``ports.discovery.HardwareFacts`` over all sources."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._told: set[tuple[str, str]] = set()

    def hardware(self, link: Link) -> Hardware:
        """Facts of one interface; where sysfs does not show it, hardware is told by having no rtnetlink kind."""
        sources, name = self._sources, link.name
        known = self._one("hardware", name, lambda: sources.hardware.hardware(link), None)
        base = known or Hardware(virtual=bool(link.identity.link_kind), pci_address=link.identity.pci_address)
        return replace(
            base,
            settings=self._one("speed and driver", name, lambda: sources.settings.settings(link), LinkSettings()),
            details=self._one("addresses", name, lambda: sources.details.details(link), base.details),
            programs=self._one("eBPF programs", name, lambda: sources.programs.programs(link), None),
            neighbour=self._one("LLDP neighbour", name, lambda: sources.wires.neighbour(link), None),
            eswitch=self._one("switch mode", name, lambda: self._eswitch(base), ""),
        )

    def function(self, pci_address: str) -> Hardware:
        """Facts of a PCI function that has no interface."""
        nothing = Hardware(virtual=False, pci_address=pci_address)
        found = self._one("hardware", pci_address, lambda: self._sources.hardware.function(pci_address), nothing)
        return replace(found, eswitch=self._one("switch mode", pci_address, lambda: self._eswitch(found), ""))

    def _eswitch(self, hardware: Hardware) -> str:
        """Only functions that can have virtual ones have a switch."""
        capable = hardware.pci_address and hardware.function.total_vfs
        return self._sources.switches.eswitch(hardware.pci_address or "") if capable else ""

    def _one(self, what: str, whose: str, read: Callable[[], T], without: T) -> T:
        try:
            found = read()
        except Failure as failure:
            if (what, whose) not in self._told and len(self._told) < REMEMBERED:
                self._told.add((what, whose))
                log.warning("%s of %s cannot be read: %s", what, whose, failure)
            return without
        self._told.discard((what, whose))
        return found


class Untold:
    """Who knows nothing of programs and switches: where there is no kernel to ask."""

    def programs(self, _link: Link) -> tuple[Program, ...] | None:
        """Not known."""
        return None

    def eswitch(self, _pci_address: str) -> str:
        """Not known."""
        return ""
