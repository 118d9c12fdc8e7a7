"""Programs held over the end of a process: ``python -m tests.contracts.programs.restarted DIRECTORY`` tells it in JSON.

Mounts a bpf file system at the directory, so it is to be started in a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from adapters.bpf.control import BpfPrograms
from tests.contracts.programs.contract import HOOKS
from tests.contracts.programs.real import RealProgramWorld


def main(directory: str) -> None:
    """Hold and take off with one control, put back with another that begins when the first has ended."""
    subprocess.run(("mount", "-t", "bpf", "bpf", directory), check=True)
    with tempfile.TemporaryDirectory() as scratch:
        world = RealProgramWorld(Path(scratch))
        index = world.add_link("net7").identity.ifindex
        for hook in HOOKS:
            world.plant(world.host, index, hook, "planted")
        print(json.dumps(_hold_and_restart(world, index, os.path.join(directory, "knd"))))
        world.close()


def _hold_and_restart(world: RealProgramWorld, index: int, pins: str) -> dict[str, object]:
    first, second = BpfPrograms(pins), BpfPrograms(pins)
    before = first.attached(world.host, index)
    descriptors = len(os.listdir("/proc/self/fd"))
    first.hold("kndclaim", before)
    first.hold("kndclaim", before)
    first.hold("a.key.that.is.no.name", before[:1])
    held = {"keys": sorted(first.held()), "descriptors": len(os.listdir("/proc/self/fd")) - descriptors}
    first.detach(world.host, index)
    first.close()
    answers = {**held, "after": sorted(second.held()), "left": len(second.attach(world.host, index, before))}
    second.release("kndclaim")
    second.release("kndclaim")
    same = second.attached(world.host, index) == before
    return {**answers, "same": same, "files": os.listdir(pins), "held": sorted(second.held())}


if __name__ == "__main__":
    main(sys.argv[1])
