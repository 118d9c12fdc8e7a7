"""``knd watch``: tells the DRA frontend what interfaces the host has. Reads only; needs no capability."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading

from adapters.bus.feed import FeedPublisher
from adapters.clock.host import HostClock
from adapters.logs import setup as logs
from adapters.netlink.kernel import NetlinkKernel
from adapters.sysfs.hardware import SysfsHardware
from adapters.udev.changes import KernelChanges
from agent.services.watching import Watcher
from ports import options
from ports.errors import Failure
from ports.places import Places

log = logging.getLogger("knd.watch")


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 1 when it cannot go on, 2 for a bad flag."""
    about = "Watch this host's interfaces and tell the DRA frontend of them."
    chosen = options.parser("knd watch", about, options.WATCH, os.environ).parse_args(argv)
    logs.setup("watch", chosen.log_level, chosen.log_format)
    try:
        _watch(chosen)
    except Failure as failure:
        log.error("cannot go on: %s", failure)
        return 1
    return 0


def _watch(chosen: argparse.Namespace) -> None:
    changes, stopped = KernelChanges(), threading.Event()  # before the first look, so that nothing is missed between

    def stop(_number: int, _frame: object) -> None:
        stopped.set()
        changes.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    feed = FeedPublisher(Places(chosen.runtime_dir).inventory_socket)
    watcher = Watcher(
        interfaces=NetlinkKernel(chosen.sysfs_root),
        hardware=SysfsHardware(chosen.sysfs_root),
        changes=changes,
        sink=feed,
        clock=HostClock(),
        driver=chosen.driver_name,
    )
    feed.start()
    try:
        watcher.run(stopped)
    finally:
        feed.stop()


if __name__ == "__main__":
    sys.exit(main())
