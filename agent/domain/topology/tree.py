"""The machine as a tree: NUMA node, PCIe root, switches, parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.domain.topology.parts import Part

NODE, ROOT, SWITCH = "node", "root", "switch"


@dataclass(kw_only=True, slots=True)
class Branch:
    """A NUMA node, a root or a switch. ``name`` is the node's number, the root's name, the switch's upstream port."""

    kind: str
    name: str
    branches: list[Branch] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def below(self, kind: str, name: str) -> Branch:
        """The branch of that name, made if it is missing."""
        found = next((each for each in self.branches if (each.kind, each.name) == (kind, name)), None)
        if found is None:
            found = Branch(kind=kind, name=name)
            self.branches.append(found)
        return found


def tree(parts: Iterable[Part]) -> tuple[Branch, ...]:
    """The nodes in the order of their numbers, the one of parts without a node last."""
    whole = Branch(kind="", name="")
    for part in sorted(parts, key=_order):
        place = whole.below(NODE, "" if part.numa_node is None else str(part.numa_node))
        if part.root:
            place = place.below(ROOT, part.root)
        for switch in part.switches:
            place = place.below(SWITCH, switch)
        place.parts.append(part)
    return tuple(whole.branches)


def _order(part: Part) -> tuple[int, str, tuple[str, ...], str]:
    return (1 << 31 if part.numa_node is None else part.numa_node, part.root, part.bridges, part.address)
