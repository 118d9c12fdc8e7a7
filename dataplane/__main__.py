"""``python -m dataplane``: the privileged process put together. ``knd dataplane`` becomes this by exec.

It gives up what it does not need before it reads anything that others wrote, makes the ledger and the kernel agree
before it serves anybody, and leaves every pod as it is when it stops.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

from adapters.bpf.control import BpfPrograms
from adapters.bus.dataplane import serve_attaching, serve_preparing
from adapters.bus.feed import HeldPublisher
from adapters.cdi.gate import CdiGate, NoGate
from adapters.clock.host import HostClock
from adapters.dhcp.packet import DhcpPackets
from adapters.dhcp.server import ChannelServer
from adapters.ethtool.control import EthtoolOffloads
from adapters.logs import setup as logs
from adapters.manifests.nodefile import NodeFile
from adapters.netlink.heldevents import HeldLinkEvents
from adapters.netlink.kernel import NetlinkKernel
from adapters.outbox.files import FileShelf
from adapters.privileges import capabilities
from adapters.rdma.control import NetlinkRdma
from adapters.sysfs.errors import SysfsErrors
from adapters.sysfs.identity import SysfsIdentity
from dataplane.exclusions import NodeExclusions
from dataplane.ledger import FileLedger
from dataplane.lifting import Lifted
from dataplane.lock import RuntimeLock
from dataplane.vitals import HeldVitals
from dataplane.worker import Worker
from ports import options
from ports.controls import Machine
from ports.errors import Code, Failure
from ports.gate import Gate
from ports.places import Places

log = logging.getLogger("knd.dataplane")

BPF_ROOT = "/sys/fs/bpf"  # ends with the boot, like the programs
BOOT_ID = "/proc/sys/kernel/random/boot_id"
LAST_LOOK = 0.5  # seconds that a look under way may take at the end
ENDINGS = (signal.SIGTERM, signal.SIGINT)
LAST = 5  # seconds from the signal to the end: then the kernel ends what waits for a driver that does not come back


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. 0: stopped; 1: could not start, said in one line; 2: bad flag."""
    chosen = options.parser("knd dataplane", "Do what plans say to this host.", options.DATAPLANE, os.environ)
    args = chosen.parse_args(argv)
    logs.setup("dataplane", args.log_level, args.log_format)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # before any thread: they inherit it, and sigwait alone gets them
    os.umask(0o077)
    try:
        return _serve(args)
    except Failure as failure:
        log.error("cannot start: %s", failure)
        return 1


def _serve(args: argparse.Namespace) -> int:
    _private_directory(args.runtime_dir)
    with ExitStack() as stack:
        stack.callback(RuntimeLock(args.runtime_dir).release)
        _drop_capabilities()
        places, node = Places(args.runtime_dir), NodeFile(args.node_config, args.driver_name)
        stack.callback(node.close)
        threading.Thread(target=node.follow, args=(lambda: None,), name="knd-config", daemon=True).start()
        worker, feed = build(args, places, node), HeldPublisher(places.held_socket)
        vitals = worker.vitals(HeldLinkEvents(), feed)
        worker.recover()
        servers = (
            serve_preparing(places.prepare_socket, worker),
            serve_attaching(places.attach_socket, worker),
            ChannelServer(places.channel_socket, worker),
            feed,
        )
        for server in servers:
            stack.callback(server.stop)
            server.start()
        stack.callback(_looking(vitals))
        log.info("serving in %s", args.runtime_dir)
        ended_by = signal.sigwait(ENDINGS)
        signal.alarm(LAST)
        log.info("stopping on %s; attached pods stay attached", signal.Signals(ended_by).name)
    return 0


def _drop_capabilities() -> None:
    kept = capabilities.keep_only(capabilities.NET_ADMIN, capabilities.NET_RAW, capabilities.SYS_ADMIN)
    if not kept >= {capabilities.NET_ADMIN, capabilities.SYS_ADMIN}:
        log.warning("CAP_NET_ADMIN or CAP_SYS_ADMIN is missing: devices cannot be moved")
    if capabilities.NET_RAW not in kept:
        log.warning("CAP_NET_RAW is missing: neighbours are not told of addresses that came to a pod")


def _looking(vitals: HeldVitals) -> Callable[[], None]:
    """Begin to look at devices in pods; what ends it."""
    thread = threading.Thread(target=vitals.run, name="knd-vitals", daemon=True)
    thread.start()

    def end() -> None:
        vitals.stop()
        thread.join(LAST_LOOK)

    return end


def build(args: argparse.Namespace, places: Places, node: NodeFile) -> Worker:
    """The worker over this host's kernel."""
    gate: Gate = CdiGate(args.cdi_root, args.driver_name) if args.cdi_root else NoGate()
    machine = Machine(
        kernel=NetlinkKernel(args.sysfs_root, sysctl_root=args.proc_sys_net, needed=options.needed(args, os.environ)),
        offloads=EthtoolOffloads(),
        programs=BpfPrograms(_pins(args.runtime_dir)),
        rdma=NetlinkRdma(args.sysfs_root),
        exclusions=NodeExclusions(lambda: node.config, SysfsIdentity(args.sysfs_root)),
        errors=SysfsErrors(args.sysfs_root),
        ipoib_stays=args.move_ib_interfaces == "false",
        packets=DhcpPackets(),
    )
    lifted = FileShelf(places.lifted, Lifted)
    return Worker(machine, FileLedger(places.ledger, _boot_id()), gate, HostClock(), lifted)


def _pins(runtime_dir: str) -> str:
    """One directory for each dataplane of this host; that file system takes no dots in names."""
    return f"{BPF_ROOT}/{runtime_dir.strip('/').replace('/', '-').replace('.', '_')}"


def _boot_id() -> str:
    with open(BOOT_ID, encoding="ascii") as file:
        return file.read().strip()


def _private_directory(path: str) -> None:
    hint = "remove it or choose another --runtime-dir"
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        state = os.lstat(path)
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
            raise Failure(Code.REFUSED, path, "is not a directory of this user", hint)
        os.chmod(path, 0o700)
    except OSError as error:
        raise Failure(Code.UNAVAILABLE, path, os.strerror(error.errno or 0), hint) from error


if __name__ == "__main__":
    sys.exit(main())
