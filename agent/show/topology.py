"""``knd topology``: where GPUs and network cards sit, and which of them a claim can have aligned."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from agent.domain.topology import drawing, pairs, parts, tree
from agent.show.looked import Looked, arguments, looked, said
from ports.errors import Failure

ABOUT = """\
Draw this machine as its data travels: NUMA nodes, PCIe roots and switches, and on them GPUs and network cards. Below the tree
stands which network cards are nearest to each GPU:

  same PCIe switch   traffic between them passes no processor: what GPUDirect RDMA is made for
  same PCIe root     it passes the root complex of one processor
  same NUMA node     it passes the memory of one processor
  aligned with none  it passes the link between processors

A claim has both aligned with a constraint: matchAttribute resource.kubernetes.io/pcieRoot (switch or root), or
resource.kubernetes.io/numaNode. docs/topology.md has claim templates for it.

Nothing is changed, no cluster is needed, and no privilege either. --sysfs-root takes a copy of another machine's /sys.
"""


def main(argv: list[str] | None = None) -> int:
    """Print it; 1 when the machine cannot be read."""
    chosen = arguments("knd topology", ABOUT, ("text", "json"), argv)
    try:
        found = looked(chosen)
    except Failure as failure:
        print(f"knd topology: {failure}", file=sys.stderr)
        return 1
    known = parts(found.functions, found.published, _others(found))
    nodes, near = tree(known), pairs(known)
    if chosen.output == "json":
        said(json.dumps(drawing.plain(nodes, near), indent=2) + "\n")
    else:
        said(drawing.text(nodes, near))
    return 0


def _others(found: Looked) -> Mapping[str, tuple[str, ...]]:
    """By PCI address, the interfaces that are not offered and why."""
    made: dict[str, tuple[str, ...]] = {}
    for name, reason in found.others:
        place = found.places.get(name, "")
        made[place] = (*made.get(place, ()), f"{name}: not offered, {reason}")
    return made


if __name__ == "__main__":
    sys.exit(main())
