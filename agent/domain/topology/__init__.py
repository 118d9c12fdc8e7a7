"""Where GPUs and network devices sit in a machine, and which of them are near each other."""

from agent.domain.topology.alignment import Alignment, Pair, alignment, pairs
from agent.domain.topology.parts import GPU, NIC, Part, parts
from agent.domain.topology.tree import Branch, tree

__all__ = ["GPU", "NIC", "Alignment", "Branch", "Pair", "Part", "alignment", "pairs", "parts", "tree"]
