"""Devices that the node's administrator never lets go, whoever asks."""

from __future__ import annotations

from typing import Protocol

from ports.devices import LinkFacts
from ports.hardware import PciFacts


class Exclusions(Protocol):
    """The administrator's word."""

    def denies(self, facts: LinkFacts, /) -> bool:
        """Whether this device is to stay, as of now."""
        ...


class FunctionFacts(Protocol):
    """What sysfs tells of PCI functions, in a few small files each."""

    def identity(self, pci_address: str) -> PciFacts:
        """Its ids and its driver; each is empty where it is not known."""
        ...


class NoExclusions:
    """For a node without such a list."""

    def denies(self, _facts: LinkFacts) -> bool:
        """Never."""
        return False
