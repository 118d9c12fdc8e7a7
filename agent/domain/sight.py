"""What the watcher sees of the host, part by part, and which parts an event makes worth reading again.

The parts are kept so that one event costs one part. What two sights differ in is told in the same terms as events are,
so that a full look can say which events never came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from agent.domain import discovery
from ports.devices import Device, Link
from ports.discovery import Hardware, RdmaDevice
from ports.touched import Touched


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """The host's links and hardware facts by index, the links it depends on, and its RDMA devices.

    ``functions`` are the facts of the PCI functions of RDMA devices without an interface, by address.
    """

    links: Mapping[int, Link] = field(default_factory=dict)
    hardware: Mapping[int, Hardware | None] = field(default_factory=dict)
    uplinks: Mapping[int, str] = field(default_factory=dict)
    rdma: tuple[RdmaDevice, ...] = ()
    functions: Mapping[str, Hardware] = field(default_factory=dict)


NO_SIGHT = Sight()


def devices(sight: Sight, driver: str, shared: frozenset[str] = frozenset()) -> tuple[Device, ...]:
    """The devices to offer. ``shared``: names that several interfaces had in earlier sights."""
    links = tuple(sight.links.values())
    return discovery.devices(links, sight.hardware, sight.uplinks, driver, sight.rdma, sight.functions, shared)


def shared_names(sight: Sight) -> frozenset[str]:
    """The names that several interfaces would have."""
    return discovery.shared_names(sight.links.values(), sight.hardware)


def neighbours(sight: Sight, touched: Touched) -> frozenset[int]:
    """The links whose hardware facts an event may concern.

    They are those that are named, and all links of the same PCI bus as a function that is: functions of one card know
    of each other (a physical function of its virtual ones), and the kernel tells of the one that changed alone. A card with
    many virtual functions has some of them on the next bus.
    """
    named = touched.links | touched.addresses
    if not touched.functions:
        return named
    buses = {_bus(address) for address in touched.functions}
    return named.union(index for index in sight.links if not buses.isdisjoint(_buses(sight, index)))


def renamed(before: Sight, now: Mapping[int, Link], touched: Iterable[int]) -> frozenset[str]:
    """The PCI functions whose links have other names now: further links of their cards may tell of those."""
    pairs = ((before.links.get(index), now.get(index)) for index in touched)
    return frozenset(
        link.identity.pci_address
        for earlier, link in pairs
        if link is not None and link.identity.pci_address and (earlier is None or earlier.name != link.name)
    )


def difference(before: Sight, now: Sight) -> Touched:
    """Which parts are not the same."""
    functions = before.functions.keys() | now.functions.keys()
    return Touched(
        links=_different(before.links, now.links) | _different(_audible(before), _audible(now)),
        functions=frozenset(each for each in functions if before.functions.get(each) != now.functions.get(each)),
        rdma=frozenset(found.rdma.name for found in {*before.rdma} ^ {*now.rdma}),
        routing=before.uplinks != now.uplinks,
    )


def _different(before: Mapping[int, object], now: Mapping[int, object]) -> frozenset[int]:
    return frozenset(index for index in before.keys() | now.keys() if before.get(index) != now.get(index))


def _audible(sight: Sight) -> dict[int, Hardware | None]:
    """Of the hardware, what events of the kernel tell of: neither counters nor what an LLDP daemon wrote."""
    return {
        index: known and replace(known, neighbour=None, function=replace(known.function, errors=()))
        for index, known in sight.hardware.items()
    }


def _buses(sight: Sight, index: int) -> Iterator[str]:
    """The bus of a link's function, and that of its physical function."""
    facts = sight.hardware.get(index)
    own = sight.links[index].identity.pci_address or (
        facts and facts.pci_address
    )  # a kernel before 5.14 names no parent
    yield _bus(own or "")
    yield _bus((facts and facts.function.physical) or "")


def _bus(address: str) -> str:
    return address.rpartition(":")[0] or "none"
