"""``knd nri``: the container runtime's side, as one process.

It needs neither the dataplane nor the DRA frontend to be up: pods that are not ours pass, and the others wait at the gate.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import dataclass, field, replace

from adapters.bus.dataplane import AttachingClient
from adapters.bus.frontends import OutcomesClient, serve_runtime_link
from adapters.bus.server import Server
from adapters.clock.host import HostClock
from adapters.ledger.reader import FileLedgerReader
from adapters.logs import setup as logs
from adapters.nri.plugin import Plugin
from adapters.rdma.sysfs import RdmaTree
from adapters.sysfs.cgroups import CgroupTree
from adapters.telemetry.factory import ClosingTracer, make_tracer
from agent import endings
from agent.services import unending
from agent.services.attaching import Attacher
from agent.services.bell import Bell
from agent.services.live import Live
from agent.services.outcomes import Sender
from agent.services.rdma import RdmaFiles
from agent.services.reconciling import Reconciler
from agent.services.refusals import Teller
from agent.services.sandboxes import Sandboxes
from agent.services.tally import Counted, Tally
from ports import options
from ports.dataplane import Call
from ports.errors import Failure
from ports.frontends import RuntimeState
from ports.places import Places

log = logging.getLogger("knd.nri")

INDEX = "00"  # before other plugins, so that nobody works on a container that is refused


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """``RuntimeLink`` over the plugin of this process."""

    plugin: Plugin
    reconciler: Reconciler
    tally: Tally

    def state(self, call: Call) -> RuntimeState:  # noqa: ARG002 - as the port has it
        """The connection now."""
        return replace(self.plugin.state(), requests=self.tally.counts())

    def compare(self, call: Call) -> None:  # noqa: ARG002 - as the port has it
        """Soon, in the reconciler's own thread."""
        self.reconciler.request()


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontend:
    """Everything of this process that runs."""

    plugin: Plugin
    link: Server
    sender: Sender
    refusals: Teller
    reconciler: Reconciler
    tracer: ClosingTracer
    bell: Bell = field(default_factory=Bell)

    def start(self) -> None:
        """Take the state socket first: it tells whether another ``knd nri`` runs here already."""
        self.link.start()
        loops = {"outcomes": self.sender.run, "refusals": self.refusals.run, "reconcile": self.reconciler.run}
        unending.start(loops, self.bell)
        self.plugin.start()

    def stop(self) -> None:
        """End the connection to the runtime first: it drops us and goes on. Attached pods stay attached."""
        self.bell.close()
        self.plugin.stop()
        self.sender.stop()
        self.refusals.stop()
        self.reconciler.stop()
        self.link.stop()
        self.tracer.close()


def build(chosen: argparse.Namespace) -> Frontend:
    """The process put together, nothing started."""
    places, clock = Places(chosen.runtime_dir), HostClock()
    ledger, dataplane = FileLedgerReader(places.ledger), AttachingClient(places.attach_socket)
    tracer = make_tracer("knd-nri", os.environ)
    desk = OutcomesClient(places.outcomes_socket)
    sender, refusals = Sender(desk, clock), Teller(desk, clock)
    attacher, live = Attacher(dataplane, sender.put, tracer, clock), Live()
    reconciler = Reconciler(dataplane, ledger, live, attacher, clock)
    files, cgroups = RdmaTree(chosen.sysfs_root), CgroupTree(chosen.sysfs_root)
    rdma = RdmaFiles(files=files, cgroups=cgroups, by_cdi=bool(chosen.cdi_root))
    tally = Tally(clock)
    hooks = Sandboxes(
        ledger=ledger,
        attacher=attacher,
        live=live,
        reconciler=reconciler,
        rdma=rdma,
        refused=refusals.put,
        says=tally.says,
    )
    plugin = Plugin(chosen.nri_socket, chosen.driver_name, Counted(hooks, tally), INDEX)
    link = serve_runtime_link(places.state_socket, Link(plugin=plugin, reconciler=reconciler, tally=tally))
    return Frontend(plugin=plugin, link=link, sender=sender, refusals=refusals, reconciler=reconciler, tracer=tracer)


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 1 when it cannot start, 2 for a bad flag."""
    about = "Serve the container runtime's NRI hooks: attach when a sandbox starts, detach when it ends."
    chosen = options.parser("knd nri", about, options.NRI, os.environ).parse_args(argv)
    logs.setup("nri", chosen.log_level, chosen.log_format)
    endings.block()
    frontend = build(chosen)
    try:
        frontend.start()
    except Failure as failure:
        log.error("cannot start: %s", failure)
        return 1
    endings.wait()
    frontend.stop()
    return endings.leave()


if __name__ == "__main__":
    sys.exit(main())
