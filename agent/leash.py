"""The first breath of a supervised process: bound to its supervisor before it does anything else.

When the supervisor is killed, the kernel sends its children SIGTERM, so none is left without somebody to restart it. The
child asks for that itself, since nothing of ours may run between fork and exec; the request survives the exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from agent import cli

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def bind(supervisor: int) -> bool:
    """Have the kernel end this process together with process ``supervisor``; False when that one is gone already."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    return os.getppid() == supervisor


def main(argv: list[str]) -> int:
    """``SUPERVISOR COMMAND [FLAGS]``: the command of ``knd``, bound to that process."""
    return cli.main(argv[1:]) if bind(int(argv[0])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
