"""Which devices a node configuration means: pure, and the same in every process that asks.

A name of an interface is only a label that people change; whoever denies a device for good does so by its address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ports.netconfig.texts import mac
from ports.nodeconfig.schema import Extra, NodeConfig, Selector


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What a device is selected by. ``names`` are all names of its interface on the host, ``macs`` all its addresses.

    Empty where there is none or nothing is known of it: such a device fits no selector that asks for it. PCI ids are four
    hexadecimal digits (``15b3``).
    """

    names: tuple[str, ...] = ()
    pci_address: str = ""
    driver: str = ""
    vendor: str = ""
    device: str = ""
    macs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DenyList:
    """The devices that are never published and never moved."""

    selectors: tuple[Selector, ...] = ()

    def denies(self, traits: Traits) -> bool:
        """Whether the device is on the list."""
        return fits_any(self.selectors, traits)


def deny_list(config: NodeConfig | None) -> DenyList:
    """The administrator's list. While nobody can tell what it says (None), everything is on it."""
    return DenyList((Selector(),) if config is None else config.deny or ())


def is_selected(config: NodeConfig, traits: Traits) -> bool:
    """Whether a device is to be published, as far as this file says."""
    chosen = config.devices
    return (
        (chosen.select is None or fits_any(chosen.select, traits))
        and not fits_any(chosen.exclude or (), traits)
        and not deny_list(config).denies(traits)
    )


def extra_attributes(config: NodeConfig, traits: Traits) -> Mapping[str, Extra]:
    """The administrator's attributes for a device, by qualified name."""
    fitting = (entry.set for entry in config.attributes or () if fits(entry.match, traits))
    return {name: value for entry in fitting for name, value in entry.items()}


def multus_resource(config: NodeConfig, traits: Traits) -> str:
    """The resource name that Multus' attributes of a device tell; empty: it gets none."""
    return next((entry.resourceName for entry in config.multus or () if fits(entry.match, traits)), "")


def fits_any(selectors: Iterable[Selector], traits: Traits) -> bool:
    """Whether a device fits one of them."""
    return any(fits(selector, traits) for selector in selectors)


def fits(selector: Selector, traits: Traits) -> bool:
    """Whether a device fits in every field that is given; an empty selector fits all."""
    return (
        _among(selector.interfaces, traits.names, fnmatchcase)
        and _among(selector.pciAddresses, (traits.pci_address.lower(),), _fold)
        and _among(selector.drivers, (traits.driver,), fnmatchcase)
        and _among(selector.vendors, (traits.vendor.lower(),), _fold)
        and _among(selector.devices, (traits.device.lower(),), _fold)
        and _among(selector.macs, traits.macs, _same_mac)
    )


def _among(patterns: tuple[str, ...] | None, values: tuple[str, ...], same: Callable[[str, str], bool]) -> bool:
    return patterns is None or any(value and same(value, pattern) for value in values for pattern in patterns)


def _fold(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.lower())


def _same_mac(value: str, pattern: str) -> bool:
    return mac(value) == mac(pattern)
