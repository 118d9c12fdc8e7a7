"""``agent.supervisor`` as a process for tests: ``python -m tests.support.supervised '[["name", "argv0", ...], ...]'``."""

from __future__ import annotations

import json
import logging
import sys

from agent.supervisor import Child, Supervisor


def main() -> int:
    """Run the children given as JSON."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    children = tuple(Child(name=name, argv=tuple(argv)) for name, *argv in json.loads(sys.argv[1]))
    return Supervisor(children).run()


if __name__ == "__main__":
    sys.exit(main())
