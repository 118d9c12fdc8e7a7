"""What the interfaces of one pod must not share: names, and the tables of VRFs.

A pod's network namespace is one place. Two interfaces of one name, of this claim or of two claims, cannot be in it, nor an
interface that is called as a VRF is; and two VRFs in one table would be one network under two names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ports.plan import AddAlternativeName, DevicePlan, JoinVrf, Plan


@dataclass(kw_only=True, slots=True)
class _Taken:
    """Who has what: a name's owners, a VRF's owners, and the tables of each."""

    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    vrfs: dict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))


def collisions(devices: tuple[DevicePlan, ...], others: Iterable[Plan]) -> Iterator[str]:
    """What the devices of a claim have in common with one another, or with the pod's other claims, and must not."""
    taken = _Taken()
    for device in devices:
        _take(taken, device, f"device {device.device}")
    mine = set(taken.names) | {name for name, _ in taken.vrfs}
    for plan in others:
        for device in plan.devices:
            _take(taken, device, f"{plan.claim} of this pod")
    yield from _name_collisions(taken, mine)
    yield from _vrf_collisions(taken, mine)


def _take(taken: _Taken, device: DevicePlan, owner: str) -> None:
    names = (device.pod_name, *(step.name for step in device.steps if isinstance(step, AddAlternativeName)))
    for name in filter(None, names):
        taken.names[name].append(owner)
    for step in device.steps:
        if isinstance(step, JoinVrf):
            taken.vrfs[step.name, step.table].append(owner)


def _name_collisions(taken: _Taken, mine: set[str]) -> Iterator[str]:
    for name, owners in taken.names.items():
        if name in mine and len(owners) > 1:
            yield f"the name {name} would be used by {_both(owners)}; set interface.name per request"
    for name, table in taken.vrfs:
        if name in taken.names and name in mine:
            both = _both((*taken.vrfs[name, table], *taken.names[name]))
            yield f"the name {name} would be used for a VRF and for an interface by {both}"


def _vrf_collisions(taken: _Taken, mine: set[str]) -> Iterator[str]:
    tables: dict[int, dict[str, list[str]]] = defaultdict(dict)
    by_name: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for (name, table), owners in taken.vrfs.items():
        tables[table][name] = owners
        by_name[name][table] = owners
    for table, names in tables.items():
        if len(names) > 1 and mine & names.keys():
            yield f"the VRFs {' and '.join(sorted(names))} would share table {table}; set interface.vrf.table"
    for name, numbers in by_name.items():
        if len(numbers) > 1 and name in mine:
            yield f"the VRF {name} would have the tables {' and '.join(map(str, numbers))}; set one interface.vrf.table"


def _both(owners: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(owners))
