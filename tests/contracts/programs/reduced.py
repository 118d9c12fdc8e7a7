"""A process with fewer privileges: ``python -m tests.contracts.programs.reduced MODE DIRECTORY`` tells in JSON what it can."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from adapters.ethtool.control import EthtoolOffloads
from adapters.privileges import capabilities
from ports.devices import Offloads, Program, Switch
from ports.errors import Failure
from tests.contracts.programs.contract import HOOKS
from tests.contracts.programs.real import RealProgramWorld

WISH = Offloads(features=(Switch(name="rx-gro", on=True),))


def main(mode: str, directory: str) -> None:
    """Capabilities: as the dataplane keeps them. Anything else: as they are."""
    world = RealProgramWorld(Path(directory))
    index = world.add_link("net7").identity.ifindex
    if mode == "capabilities":
        for hook in HOOKS:
            world.plant(world.host, index, hook, "planted")
        world.plant_by_link(world.host, index, "tcx-ingress", "of_a_link")
        capabilities.keep_only(capabilities.NET_ADMIN, capabilities.SYS_ADMIN)
    offloads, programs, host = EthtoolOffloads(), world.programs, world.host
    before = programs.attached(host, index)
    answers = {
        "features": _told(lambda: len(offloads.read(host, index).features)),
        "write": _told(lambda: offloads.write(host, index, WISH)),
        "attached": len(before),
        "hold": _told(lambda: programs.hold("claim", before or (Program(hook="xdp", name="", id=1),))),
        "detached": _told(lambda: len(programs.detach(host, index))),
        "left": _told(lambda: len(programs.attach(host, index, before))),
        "as before": programs.attached(host, index) == before,
    }
    print(json.dumps(answers))
    world.close()


def _told(act: Callable[[], object]) -> object:
    try:
        return act()
    except Failure as failure:
        return f"{failure.code}: {failure}"


if __name__ == "__main__":
    main(*sys.argv[1:])
