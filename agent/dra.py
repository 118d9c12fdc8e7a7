"""``knd dra``: the kubelet's and the API server's side, as one process without any privilege.

It starts whoever of its peers is away (API server, dataplane, watcher, NRI frontend) and recovers when they come. It
offers itself to the kubelet only once the container runtime is connected: a pod that is prepared must not start while
nobody attaches its interface.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from posixpath import join

from adapters.bus.dataplane import PreparingClient
from adapters.bus.feed import FeedSubscriber
from adapters.bus.frontends import RuntimeLinkClient, serve_outcomes
from adapters.bus.server import Server
from adapters.cel.filter import Filter
from adapters.clock.host import HostClock
from adapters.health.http import HealthServer
from adapters.health.metrics import CONTENT_TYPE, Metrics
from adapters.health.requests import RequestMetrics
from adapters.kube.cluster import KubeCluster
from adapters.kubelet.plugin import KubeletPlugin
from adapters.logs import setup as logs
from adapters.outbox.files import FileShelf
from adapters.telemetry.factory import ClosingTracer, make_tracer
from agent import endings, leasehold, outside, wellness
from agent.leasehold import Leasehold
from agent.outside import Around, Outside
from agent.services import unending
from agent.services.bell import Bell
from agent.services.inventories import Inventories
from agent.services.keeping import Heeded, Keeper
from agent.services.notices import Notices
from agent.services.offering import Offering, Peers
from agent.services.preparing import Preparation
from agent.services.publishing import Publishing
from agent.services.resources import Resources
from agent.services.statuses import Statuses
from agent.wellness import Wellness
from ports import options
from ports.errors import Code, Failure
from ports.frontends import Outcome
from ports.outbox import Holding
from ports.places import Places

log = logging.getLogger("knd.dra")
STOP_SECONDS = 1.8  # of the two that a stop may take


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontend:
    """Everything of this process that runs."""

    plugin: KubeletPlugin
    offering: Offering
    preparation: Preparation
    keeper: Keeper
    publishing: Publishing
    statuses: Statuses
    inventories: Inventories
    others: Outside
    leasehold: Leasehold
    wellness: Wellness
    feed: FeedSubscriber
    notices: Notices
    outcomes: Server
    tracer: ClosingTracer
    metrics: Metrics
    peers: Peers
    bell: Bell = field(default_factory=Bell)

    def start(self) -> None:
        """Take the kubelet's socket first: it tells whether another ``knd dra`` runs here already."""
        self.plugin.serve()
        unending.start(self._loops(), self.bell)

    def stop(self) -> None:
        """Deregister, let running calls end, leave slices and prepared claims as they are."""
        self.bell.close()
        for end in (
            self.preparation.end,
            self.offering.stop,
            self.publishing.stop,
            self.others.stop,
            self.wellness.stop,
            self.statuses.stop,
            self.keeper.stop,
            self.leasehold.renewing.stop,
            self.notices.stop,
        ):
            end()
        _side_by_side(self.plugin.stop, self.outcomes.stop, self.feed.close, self.wellness.close, self.tracer.close)

    def parts(self) -> dict[str, Callable[[], str]]:
        """What has to work for this process to be ready, each with what is wrong now."""
        return {
            "kubelet": self.offering.problem,
            "runtime": self.peers.runtime_problem,
            "dataplane": self.peers.dataplane_problem,
            "inventory": self.inventories.problem,
            "slices": lambda: self.publishing.problem,
        }

    def _loops(self) -> dict[str, Callable[[], None]]:
        return {
            "notices": self.notices.run,
            "inventory": lambda: self.inventories.follow(self.feed, self.bell),
            "publish": self.publishing.run,
            **self.others.loops(),
            **self.wellness.loops(self.bell),
            "watch": self.publishing.watch,
            "status": self.statuses.run,
            "keep": self.keeper.run,
            "leases": self.leasehold.renewing.run,
            "outcomes": self._serve_outcomes,
            "offer": self.offering.run,
        }

    def _serve_outcomes(self) -> None:
        """During a rolling update the old process still has this socket; the NRI frontend keeps what nobody takes."""
        while not self.bell.closed:
            try:
                self.outcomes.start()
                return
            except Failure as failure:
                log.info("outcomes are not taken yet: %s", failure)
                self.bell.pause(0.5)


def build(chosen: argparse.Namespace, env: dict[str, str]) -> Frontend:
    """The process put together, nothing started. INVALID for a value that only the parts can judge."""
    places, clock, metrics = Places(chosen.runtime_dir), HostClock(), Metrics()
    node, driver = chosen.node_name or socket.gethostname().lower(), chosen.driver_name
    keeps = Filter(chosen.filter).keeps
    cluster = KubeCluster(chosen.kubeconfig, node, driver)
    dataplane, runtime = PreparingClient(places.prepare_socket), RuntimeLinkClient(places.state_socket)
    tracer, notices = make_tracer("knd-dra", env), Notices(cluster.notify)
    held = FileShelf(join(places.outbox, "held"), Holding)
    inventories = Inventories(held, metrics)
    publishing = Publishing(
        driver=driver,
        node=node,
        cluster=cluster,
        inventories=inventories,
        keeps=keeps,
        clock=clock,
        meter=metrics,
        notices=notices,
    )
    around = Around(
        driver=driver,
        node=node,
        cluster=cluster,
        dataplane=dataplane,
        inventories=inventories,
        notices=notices,
        clock=clock,
        meter=metrics,
    )
    others = outside.build(chosen, around)
    well = wellness.build(chosen, around, keeps, publishing.wake)

    def described() -> None:
        well.parts.watch.wake()
        publishing.wake()

    others.providers.tell(described)
    inventories.tell(well.parts.watch.wake, publishing.wake, others.providers.wake)
    leased = leasehold.build(chosen, around)
    statuses = Statuses(
        driver=driver,
        cluster=cluster,
        outbox=FileShelf(join(places.outbox, "outcomes"), Outcome),
        notices=notices,
        clock=clock,
        meter=metrics,
        data=leased.leases.data,
    )
    leased.tending.tell(statuses.take)
    preparation = Preparation(
        driver=driver,
        node=node,
        cluster=cluster,
        dataplane=dataplane,
        runtime=runtime,
        inventories=inventories,
        configuration=others.configuration,
        leases=leased.leases,
        clock=clock,
    )
    resources = Resources(
        driver=driver,
        preparation=preparation,
        notices=notices,
        clock=clock,
        tracer=tracer,
        meter=metrics,
        ended=statuses.take,
        gated=bool(chosen.cdi_root),
    )

    def registered() -> None:
        metrics.count("knd_registrations")
        publishing.resync()

    plugin = KubeletPlugin(
        driver,
        chosen.kubelet_root,
        resources,
        env.get("POD_UID", ""),
        on_registered=registered,
        reports=well.parts.board,
    )
    peers = Peers(dataplane, runtime, clock)
    metrics.registry.register(RequestMetrics(peers.requests))
    keeper = Keeper(resources, dataplane, runtime, held, clock)
    return Frontend(
        plugin=plugin,
        offering=Offering(plugin, peers),
        keeper=keeper,
        preparation=preparation,
        publishing=publishing,
        statuses=statuses,
        inventories=inventories,
        others=others,
        leasehold=leased,
        wellness=well,
        feed=FeedSubscriber(places.inventory_socket),
        notices=notices,
        outcomes=serve_outcomes(places.outcomes_socket, statuses, Heeded(refusals=statuses, wake=keeper.wake)),
        tracer=tracer,
        metrics=metrics,
        peers=peers,
    )


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 then, 1 when it cannot start, 2 for a bad flag."""
    about = "Serve the kubelet's DRA calls: read claims, plan, publish devices, write claim status."
    chosen = options.parser("knd dra", about, options.DRA, os.environ).parse_args(argv)
    logs.setup("dra", chosen.log_level, chosen.log_format)
    endings.block()
    try:
        frontend = build(chosen, dict(os.environ))
        health = _health(chosen.bind_address, frontend)
        frontend.start()
    except Failure as failure:
        return _refused(failure)
    endings.wait()
    _side_by_side(frontend.stop, *([health.stop] if health else []))
    return endings.leave()


def _refused(failure: Failure) -> int:
    if failure.code is Code.INVALID:
        print(f"knd dra: {failure}", file=sys.stderr)
        return 2
    log.error("cannot start: %s", failure)
    return 1


def _health(address: str, frontend: Frontend) -> HealthServer | None:
    if not address:
        return None
    server = HealthServer(address, frontend.parts(), frontend.metrics.text, CONTENT_TYPE)
    server.start()
    return server


def _side_by_side(*ends: Callable[[], None]) -> None:
    """Stop several things in the time of the slowest, and wait no longer than there is time."""
    threads = [threading.Thread(target=end, daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(STOP_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
