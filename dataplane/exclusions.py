"""The deny list of the node configuration, applied to what the kernel shows: not to what a plan says of its device."""

from __future__ import annotations

from collections.abc import Callable

from ports.devices import LinkFacts
from ports.exclusions import FunctionFacts
from ports.hardware import PciFacts
from ports.nodeconfig import NodeConfig, Traits, deny_list


class NodeExclusions:
    """Implements ``ports.exclusions.Exclusions``. ``config`` gives what is in force; None: not known, and all is denied."""

    def __init__(self, config: Callable[[], NodeConfig | None], functions: FunctionFacts) -> None:
        self._config = config
        self._functions = functions

    def denies(self, facts: LinkFacts) -> bool:
        """Whether the device is on the list."""
        listed = deny_list(self._config())
        return bool(listed.selectors) and listed.denies(traits(facts, self._functions))


def traits(facts: LinkFacts, functions: FunctionFacts) -> Traits:
    """What the device is selected by; a virtual interface's driver is its kind."""
    link, address = facts.link, facts.link.identity.pci_address
    known = functions.identity(address) if address else PciFacts()
    return Traits(
        names=tuple(filter(None, (link.name, *facts.alternative_names))),
        pci_address=address or "",
        driver=known.driver or link.identity.link_kind,
        vendor=known.vendor,
        device=known.device,
        macs=tuple(filter(None, (link.mac, link.identity.permanent_address))),
    )
