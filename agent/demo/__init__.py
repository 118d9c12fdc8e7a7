"""``knd demo``: the whole way of a pod's interface on this machine, without a cluster and without touching the machine.

The cluster around the driver is stood in for (API server, kubelet, container runtime, trace collector), each speaking
the real protocol over the real socket. Everything else is real: the four processes, the interface, the pod's network
namespace, the traffic. It runs in namespaces of its own, as root or as an ordinary user.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from adapters.standin import namespaces
from agent.demo.node import Node
from agent.demo.story import tell
from agent.demo.telling import Teller
from ports import options
from ports.errors import Failure

DESCRIPTION = "Show on this machine how a pod gets a real network interface and the host gets it back."


def main(argv: list[str] | None = None) -> int:
    """Tell the story; exit status 0 only when every part of it came true."""
    parser = options.parser("knd demo", DESCRIPTION, (), os.environ)
    parser.add_argument("--verbose", action="store_true", help="show what the four processes log")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    try:
        namespaces.enter_private_host()
        with tempfile.TemporaryDirectory(prefix="knd-demo-", dir="/tmp") as directory, ExitStack() as stack:
            tell(Node(Path(directory), stack, arguments.verbose), Teller())
    except Failure as failure:
        print(f"\nknd demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\nAll of it took {time.monotonic() - started:.1f} s. On a cluster: docs/operations.md.")
    return 0
