"""How near a GPU and a network card are: what their traffic has to cross.

Same switch: no processor at all (what GPUDirect is made for). Same root: the processor's root complex. Same node: its memory
controller. Else the link between processors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import takewhile

from agent.domain.topology.parts import GPU, NIC, Part


class Alignment(IntEnum):
    """The nearer, the greater."""

    NONE = 0
    NODE = 1
    ROOT = 2
    SWITCH = 3

    @property
    def words(self) -> str:
        """For people."""
        return ("not aligned", "same NUMA node", "same PCIe root", "same PCIe switch")[self]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A GPU and a network card."""

    gpu: Part
    nic: Part
    alignment: Alignment


def alignment(one: Part, other: Part) -> Alignment:
    """How near two parts are. Roots are unique in a machine, because their names have the PCI domain."""
    if one.root and one.root == other.root:
        common = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one.bridges, other.bridges, strict=False))))
        return Alignment.SWITCH if common > 1 else Alignment.ROOT  # the first bridge is the root port
    same_node = one.numa_node is not None and one.numa_node == other.numa_node
    return Alignment.NODE if same_node else Alignment.NONE


def pairs(parts: Iterable[Part]) -> tuple[Pair, ...]:
    """Each GPU with each network card, by the GPU's address; of one GPU the nearest first."""
    known = tuple(parts)
    gpus, nics = ([part for part in known if part.role == role] for role in (GPU, NIC))
    found = (Pair(gpu=gpu, nic=nic, alignment=alignment(gpu, nic)) for gpu in gpus for nic in nics)
    return tuple(sorted(found, key=lambda pair: (pair.gpu.address, -pair.alignment, pair.nic.address)))


def best(found: Iterable[Pair]) -> tuple[Pair, ...]:
    """Of each GPU the pairs that are nearest; none for a GPU with which nothing is aligned."""
    known = tuple(found)
    nearest: dict[str, Alignment] = {}
    for pair in known:
        nearest[pair.gpu.address] = max(pair.alignment, nearest.get(pair.gpu.address, Alignment.NONE))
    return tuple(pair for pair in known if pair.alignment and pair.alignment == nearest[pair.gpu.address])
