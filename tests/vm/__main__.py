"""``python -m tests.vm [--kernel stock|patched] -- COMMAND``: one command in a guest, to look around or to try a test."""

from __future__ import annotations

import argparse
import sys

from tests.vm import kernel, packages, session
from tests.vm.guest import guest


def main() -> int:
    """The command's status."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__)
    parser.add_argument("--kernel", choices=packages.FLAVOURS, default=packages.STOCK.name)
    parser.add_argument("--seconds", type=float, default=session.SECONDS, help="for the whole run")
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    absent = session.absent()
    if absent:
        parser.exit(1, f"{absent}\n")
    flavour = packages.FLAVOURS[chosen.kernel]
    with guest(kernel.prepared(flavour)) as machine:
        return machine.run(chosen.command, session.environment(flavour), chosen.seconds)


if __name__ == "__main__":
    sys.exit(main())
