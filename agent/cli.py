"""``knd``: one command, a subcommand a process. Each loads its own code only, and none before it is chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata

Main = Callable[[list[str]], int]


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: what it is for, and how it is run."""

    summary: str
    main: Main


def _lazy(module: str) -> Main:
    def main(argv: list[str]) -> int:
        status: int = import_module(module).main(argv)
        return status

    return main


def _dataplane(argv: list[str]) -> int:
    """Become the dataplane. Its process must never have loaded the agent, hence a fresh interpreter and no import.

    ``-P`` keeps the working directory off the import path: it must not decide what a privileged process runs.
    """
    os.execv(sys.executable, [sys.executable, "-P", "-m", "dataplane", *argv])


def _version(_: list[str]) -> int:
    print(f"knd {metadata.version('knd')} (Python {sys.version.split()[0]})")
    return 0


COMMANDS = {
    "dra": Command("the kubelet's side: reads claims, plans, publishes devices, writes status", _lazy("agent.dra")),
    "nri": Command("the container runtime's side: attaches when a sandbox starts", _lazy("agent.nri")),
    "watch": Command("watches the host's interfaces and tells dra of them", _lazy("agent.watch")),
    "dataplane": Command("the only privileged one: moves interfaces and keeps the ledger", _dataplane),
    "up": Command("runs all four on this host and restarts one that dies", _lazy("agent.up")),
    "devices": Command("prints what this node would publish; needs no cluster", _lazy("agent.show.devices")),
    "topology": Command("draws where GPUs and network cards sit, and which are aligned", _lazy("agent.show.topology")),
    "lint": Command("checks the parameters of claims and classes in files", _lazy("agent.lint")),
    "demo": Command("shows it all on this machine, without a cluster", _lazy("agent.demo")),
    "version": Command("prints the version", _version),
}

HELP = """\
knd gives pods real network interfaces: a Kubernetes network driver of four processes.

Usage: knd COMMAND [FLAGS]        knd COMMAND --help explains the flags of one

{commands}

A node runs dra, nri, watch and dataplane, each alone in a container (see manifests/) or all of them by `knd up`.
They meet in sockets below --runtime-dir (/run/knd), which must be the same for all.

Examples:
  knd demo                                      see an interface go into a pod and come back
  sudo knd up --kubeconfig ~/.kube/config       all four processes, for trying it on a node by hand
  knd devices -o yaml                           what this node would publish
  knd topology                                  which GPU and which network card are near each other
  knd lint claims/*.yaml                        mistakes in parameters, before a pod waits for them
  knd dra --node-name worker-1 --log-format json
  KND_LOG_LEVEL=debug knd watch                 each flag has an environment twin; the flag wins

Logs go to standard error, as text on a terminal and as JSON objects elsewhere (--log-format).
SIGTERM stops a process within two seconds. A bad flag ends it with status 2 and one line that says why.
"""


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP.format(commands="\n".join(f"  {name:<11}{cmd.summary}" for name, cmd in COMMANDS.items())), end="")
        return 0
    name = "version" if words[0] == "--version" else words[0]
    if name not in COMMANDS:
        print(f"knd: unknown command {name!r}; it is one of {', '.join(COMMANDS)} (see knd --help)", file=sys.stderr)
        return 2
    return COMMANDS[name].main(words[1:])


if __name__ == "__main__":
    sys.exit(main())
