"""The tree and the aligned pairs as text for a terminal, and as plain objects for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from agent.domain.topology.alignment import Pair, best
from agent.domain.topology.parts import GPU, NIC, Part
from agent.domain.topology.tree import NODE, ROOT, Branch
from ports.cluster import Json
from ports.devices import Device

EMPTY = "No network card or accelerator on a PCI bus."


def text(nodes: Sequence[Branch], found: Sequence[Pair]) -> str:
    """The tree, and below it the nearest network cards of each GPU."""
    if not nodes:
        return EMPTY + "\n"
    lines = [line for node in nodes for line in (_title(node), *_inside(node, ""))]
    return "\n".join([*lines, "", *_aligned(found)]) + "\n"


def _inside(branch: Branch, indent: str) -> Iterator[str]:
    children: list[Part | Branch] = [*branch.parts, *branch.branches]
    for place, each in enumerate(children):
        mark, further = ("└─ ", "   ") if place == len(children) - 1 else ("├─ ", "│  ")
        if isinstance(each, Part):
            first, *rest = _described(each)
            yield f"{indent}{mark}{first}"
            yield from (f"{indent}{further}    {line}" for line in rest)
        else:
            yield f"{indent}{mark}{_title(each)}"
            yield from _inside(each, indent + further)


def _title(branch: Branch) -> str:
    if branch.kind == NODE:
        return f"NUMA node {branch.name}" if branch.name else "no NUMA node"
    return branch.name if branch.kind == ROOT else f"switch {branch.name}"


def _described(part: Part) -> Iterator[str]:
    yield f"{part.role} {part.address}  {_product(part)}"
    yield from (_device(device) for device in part.devices)
    yield from part.others
    if part.functions:
        yield f"{part.functions} virtual function{'s' if part.functions > 1 else ''}"


def _product(part: Part) -> str:
    facts = part.hardware.function
    ids = f"[{facts.vendor}:{facts.device}]" if facts.vendor else ""
    name = facts.device_name or facts.vendor_name
    return " ".join(filter(None, (name, ids, facts.driver)))


def _device(device: Device) -> str:
    told = {name.rpartition("/")[2]: value for name, value in device.attributes.items()}
    speed = told.get("linkSpeed") or told.get("rdmaRate")
    gigabits = f"{int(speed) / 1000:g} Gb/s" if isinstance(speed, int) else ""
    words = (
        device.interface,
        str(told.get("rdmaDevice", "")),
        gigabits,
        str(told.get("state") or told.get("rdmaState", "")),
    )
    return f"{device.name}: {' '.join(filter(None, words))}"


def _aligned(found: Sequence[Pair]) -> Iterator[str]:
    gpus, nics = {pair.gpu.address for pair in found}, {pair.nic.address for pair in found}
    if not found:
        yield "Alignment: there is no pair of a GPU and a network card."
        return
    yield f"Alignment of {len(gpus)} GPU{'s' * (len(gpus) > 1)} with {len(nics)} network card{'s' * (len(nics) > 1)}:"
    nearest = {address: list(group) for address, group in groupby(best(found), key=lambda pair: pair.gpu.address)}
    for address in sorted(gpus):
        near = nearest.get(address, [])
        cards = ", ".join(_card(pair.nic) for pair in near)
        yield f"  {GPU} {address}  {f'{near[0].alignment.words}: {cards}' if near else 'aligned with none'}"


def _card(part: Part) -> str:
    names = [device.interface or device.identity.rdma or device.name for device in part.devices]
    return f"{NIC} {part.address}{f' ({names[0]})' if names else ''}"


def plain(nodes: Iterable[Branch], found: Iterable[Pair]) -> Json:
    """The same for programs: the tree under ``nodes``, and every pair with its alignment (switch, root, node, none)."""
    return {
        "nodes": [_plain(node) for node in nodes],
        "pairs": [
            {"gpu": pair.gpu.address, "nic": pair.nic.address, "alignment": pair.alignment.name.lower()}
            for pair in found
        ],
    }


def _plain(branch: Branch) -> Json:
    key = {NODE: "numaNode", ROOT: "pcieRoot"}.get(branch.kind, "pcieSwitch")
    name: object = branch.name
    if branch.kind == NODE:
        name = int(branch.name) if branch.name else None
    return {
        key: name,
        "parts": [_part(part) for part in branch.parts],
        "branches": [_plain(each) for each in branch.branches],
    }


def _part(part: Part) -> Json:
    facts = part.hardware.function
    return {
        "role": part.role,
        "pciAddress": part.address,
        "vendor": facts.vendor,
        "device": facts.device,
        "driver": facts.driver,
        "name": facts.device_name,
        "devices": [device.name for device in part.devices],
        "notOffered": list(part.others),
        "virtualFunctions": part.functions,
    }
