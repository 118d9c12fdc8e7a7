"""``knd watch``: tells the DRA frontend what interfaces the host has. Reads only; needs no capability."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

from adapters.bus.feed import FeedPublisher
from adapters.clock.host import HostClock
from adapters.events.sources import Sources
from adapters.logs import setup as logs
from adapters.manifests.nodefile import NodeFile
from adapters.netlink.events import NetlinkEvents
from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from adapters.rdma.events import subscribe
from adapters.sysfs.hardware import SysfsHardware
from adapters.udev.events import DeviceEvents
from agent import endings
from agent.host import inspector, seen
from agent.services.configuring import ConfiguredSink
from agent.services.watching import Watcher
from ports import options
from ports.discovery import EventSource
from ports.errors import Failure
from ports.places import Places

log = logging.getLogger("knd.watch")


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 1 when it cannot go on, 2 for a bad flag."""
    about = "Watch this host's interfaces and tell the DRA frontend of them."
    chosen = options.parser("knd watch", about, options.WATCH, os.environ).parse_args(argv)
    logs.setup("watch", chosen.log_level, chosen.log_format)
    endings.block()
    try:
        _watch(chosen)
    except Failure as failure:
        log.error("cannot go on: %s", failure)
        return 1
    return 0


def _watch(chosen: argparse.Namespace) -> None:
    with ExitStack() as stack:
        needed = options.needed(chosen, os.environ)
        changes = Sources(_voices(needed))  # before the first look, so that nothing is missed in between
        stack.callback(changes.close)
        stopped = _told(changes.wake)
        kernel = NetlinkKernel(chosen.sysfs_root, needed=needed)
        stack.callback(kernel.close)
        feed = FeedPublisher(Places(chosen.runtime_dir).inventory_socket)
        feed.start()
        stack.callback(feed.stop)
        sink = _configured(chosen, feed, stack)
        interfaces, rdma = seen(kernel, NetlinkRdma(chosen.sysfs_root), chosen.move_ib_interfaces == "true")
        Watcher(
            interfaces=interfaces,
            hardware=inspector(kernel, SysfsHardware(chosen.sysfs_root), chosen.lldp_file),
            rdma=rdma,
            changes=changes,
            sink=sink,
            clock=HostClock(),
            driver=chosen.driver_name,
        ).run(stopped)


def _configured(chosen: argparse.Namespace, feed: FeedPublisher, stack: ExitStack) -> ConfiguredSink:
    """The feed, behind the node's configuration as long as the stack is open."""
    node = NodeFile(chosen.node_config, chosen.driver_name)
    stack.callback(node.close)
    sink = ConfiguredSink(feed, lambda: node.config, chosen.driver_name)
    threading.Thread(target=node.follow, args=(sink.reconfigured,), name="knd-config", daemon=True).start()
    return sink


def _voices(needed: tuple[str, ...]) -> tuple[EventSource, ...]:
    """All that tells of changes on this host. ``needed``: the addresses that the node must keep."""
    rdma = subscribe()
    voices: tuple[EventSource, ...] = (NetlinkEvents(needed), DeviceEvents())
    return voices if rdma is None else (*voices, rdma)


def _told(wake: Callable[[], None]) -> threading.Event:
    """Set by SIGTERM and SIGINT, the first of which also wakes."""
    stopped = threading.Event()

    def stop() -> None:
        endings.wait()
        stopped.set()
        wake()

    threading.Thread(target=stop, name="knd-stop", daemon=True).start()
    return stopped


if __name__ == "__main__":
    sys.exit(main())
