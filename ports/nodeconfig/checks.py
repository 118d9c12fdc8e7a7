"""What a node configuration can never mean, each mistake with its path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

from ports.netconfig import texts as addresses
from ports.nodeconfig import texts
from ports.nodeconfig.schema import Attributes, Health, Multus, NodeConfig, Selector
from ports.schemas.limits import too_many, value_mistakes
from ports.schemas.mistakes import Mistake

Check = Callable[[str], Iterator[str]]


def config_mistakes(config: NodeConfig, driver: str) -> Iterator[Mistake]:
    """All mistakes, in the order of the schema. ``driver`` is the name whose attribute domain is its own."""
    yield from value_mistakes(config)
    for path, selectors in (
        ("devices.select", config.devices.select),
        ("devices.exclude", config.devices.exclude),
        ("deny", config.deny),
    ):
        yield from _list_mistakes(path, selectors or ())
    yield from too_many("attributes", config.attributes)
    for index, entry in enumerate(config.attributes or ()):
        yield from (mistake.under(f"attributes[{index}]") for mistake in _attributes_mistakes(entry, driver))
    yield from too_many("multus", config.multus)
    for index, each in enumerate(config.multus or ()):
        yield from (mistake.under(f"multus[{index}]") for mistake in _multus_mistakes(each))
    yield from (mistake.under("health") for mistake in _health_mistakes(config.health))


def _list_mistakes(path: str, selectors: tuple[Selector, ...]) -> Iterator[Mistake]:
    yield from too_many(path, selectors)
    for index, selector in enumerate(selectors):
        if selector == Selector():
            yield Mistake(f"{path}[{index}]", 'names nothing; for all devices write interfaces: ["*"]')
        yield from (mistake.under(f"{path}[{index}]") for mistake in _selector_mistakes(selector))


def _selector_mistakes(selector: Selector) -> Iterator[Mistake]:
    for name in (each.name for each in fields(selector)):
        entries = getattr(selector, name)
        yield from too_many(name, entries)
        if entries == ():
            yield Mistake(name, "is empty and fits no device; leave it out for any")
        for index, entry in enumerate(entries or ()):
            yield from (Mistake(f"{name}[{index}]", reason) for reason in _CHECKS[name](entry))


def _attributes_mistakes(entry: Attributes, driver: str) -> Iterator[Mistake]:
    yield from (mistake.under("match") for mistake in _selector_mistakes(entry.match))
    if not entry.set:
        yield Mistake("set", "is needed")
    yield from too_many("set", entry.set)
    for name, value in (entry.set or {}).items():
        yield from (Mistake("set", reason) for reason in texts.attribute_mistakes(name, driver))
        yield from (Mistake(f"set.{name}", reason) for reason in texts.value_mistakes(value))


def _multus_mistakes(entry: Multus) -> Iterator[Mistake]:
    yield from value_mistakes(entry)
    yield from (mistake.under("match") for mistake in _selector_mistakes(entry.match))
    yield from (Mistake("resourceName", reason) for reason in texts.value_mistakes(entry.resourceName))


def _health_mistakes(health: Health) -> Iterator[Mistake]:
    for name in (each.name for each in fields(health)):
        yield from (mistake.under(name) for mistake in value_mistakes(getattr(health, name)))


def _name_mistakes(text: str) -> Iterator[str]:
    if not text or len(text.encode("utf-8", "surrogatepass")) > texts.MAX_TEXT or not text.isprintable():
        yield f"{text!r} is no name or pattern of at most {texts.MAX_TEXT} bytes"


def _mac_mistakes(text: str) -> Iterator[str]:
    if addresses.mac(text) is None:
        yield f"{text!r} is no MAC address, such as 02:00:5e:10:00:01"


_CHECKS: dict[str, Check] = {
    "interfaces": _name_mistakes,
    "pciAddresses": texts.pci_address_mistakes,
    "drivers": _name_mistakes,
    "vendors": texts.pci_id_mistakes,
    "devices": texts.pci_id_mistakes,
    "macs": _mac_mistakes,
}
