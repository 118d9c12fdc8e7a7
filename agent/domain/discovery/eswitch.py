"""The mode of a card's embedded switch, where devlink may not tell: seen by what the mode brings about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ports.hardware import Hardware

LEGACY, SWITCHDEV = "legacy", "switchdev"


def modes(hardware: Iterable[Hardware]) -> Mapping[str, str]:
    """The modes by the PCI address of physical functions.

    Only switchdev mode has representors; virtual functions without any are in legacy mode. A function that has neither
    may be in either, and is left out.
    """
    known = tuple(hardware)
    switched = {each.pci_address for each in known if each.details.representor}
    switches = {each.details.switch_id for each in known if each.details.representor}
    found: dict[str, str] = {}
    for each in known:
        if each.pci_address and not each.details.representor and not each.function.physical:
            on_switch = each.pci_address in switched or (each.details.switch_id in switches)
            mode = each.eswitch or (SWITCHDEV if on_switch else LEGACY if each.function.vfs else "")
            if mode:
                found[each.pci_address] = mode
    return found


def mode_of(hardware: Hardware, found: Mapping[str, str]) -> str:
    """The mode that a function is under: its own, or its physical function's."""
    return found.get(hardware.function.physical or hardware.pci_address or "", "")
