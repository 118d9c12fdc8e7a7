"""``knd up``: the four processes of a node on this host, each with its own flags and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from adapters.logs.setup import setup
from agent.supervisor import Child, Supervisor
from ports import options

# The dataplane first, since the others ask it; dra last, since the kubelet should find everybody there.
PROCESSES: tuple[tuple[str, Iterable[options.Option]], ...] = (
    ("dataplane", options.DATAPLANE),
    ("watch", options.WATCH),
    ("nri", options.NRI),
    ("dra", options.DRA),
)
ABOUT = "Run dataplane, watch, nri and dra on this host, and restart one that dies. Takes the flags of all four."


def children(values: Any) -> tuple[Child, ...]:
    """The four processes with their flags, in the order in which they are started."""
    start = (sys.executable, "-P", "-m", "agent.leash", str(os.getpid()))
    return tuple(
        Child(name=name, argv=(*start, name, *options.arguments(wanted, values))) for name, wanted in PROCESSES
    )


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    values = options.parser("knd up", ABOUT, options.ALL, os.environ).parse_args(argv)
    setup("up", values.log_level, values.log_format)
    return Supervisor(children(values)).run()
