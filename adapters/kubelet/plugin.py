"""The driver as the kubelet sees it: two sockets, in the right order, for as long as the process lives.

The DRA socket comes first and goes last; the registrar's socket is what the kubelet acts on, so it appears only when
Prepare can be answered and vanishes before anything else stops. Both are watched: a socket file that somebody removed
(a cleaned directory, a reset kubelet) is made again, for a driver that cannot be found fails every pod silently.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from adapters.kubelet import health
from adapters.kubelet.endpoint import Endpoint
from adapters.kubelet.guard import Guard
from adapters.kubelet.health import HealthStreams
from adapters.kubelet.paths import socket_paths
from adapters.kubelet.registrar import Registrar
from adapters.kubelet.service import SERVICES, dra_service
from ports.errors import Code, Failure
from ports.health import HealthReports
from ports.inbound import ResourceHooks

log = logging.getLogger("knd.kubelet")
GRACE = 1.2  # seconds for running calls at the end; the whole stop stays below two


class KubeletPlugin:
    """``serve``, then ``register`` once Prepare can be answered, then ``stop``; each may be called again."""

    def __init__(
        self,
        driver: str,
        kubelet_root: str,
        hooks: ResourceHooks,
        pod_uid: str = "",
        versions: tuple[str, ...] = tuple(SERVICES),
        on_registered: Callable[[], None] | None = None,
        probe_interval: float = 2.0,
        reports: HealthReports | None = None,
    ) -> None:
        """``on_registered`` runs at every registration (a kubelet that restarts deletes our slices, then registers us).

        ``reports`` is what the health stream tells; without it there is none.
        """
        if not versions or set(versions) - SERVICES.keys():
            raise Failure(
                Code.INVALID, "DRA versions", f"{', '.join(versions) or 'none'}: known are {', '.join(SERVICES)}"
            )
        self.paths = socket_paths(driver, kubelet_root, pod_uid)
        self._guard = Guard(self.paths.guard)
        services = [dra_service(version, hooks) for version in versions]
        if reports is not None:
            streams = HealthStreams(reports)
            services += [streams.service(version) for version in health.SERVICES]
            versions += tuple(health.SERVICES)
        self._registrar = Registrar(driver, self.paths.service, versions, on_registered)
        self._service = Endpoint(self.paths.service, services)
        self._registration = Endpoint(self.paths.registrar, [self._registrar.service()])
        self._probe_interval = probe_interval
        self._lock = threading.RLock()
        self._serving = self._offered = False
        self._ended = threading.Event()

    @property
    def registered(self) -> bool:
        """Whether the kubelet's last word was that it uses us."""
        return self._registrar.state.registered

    @property
    def error(self) -> str:
        """Why the kubelet refused us, in its words; empty when it did not."""
        return self._registrar.state.error

    def serve(self) -> None:
        """Take the guard (CONFLICT when another process has it) and answer Prepare; nobody finds us yet."""
        with self._lock:
            if self._serving:
                return
            self._guard.take()
            self._ended.clear()
            try:
                self._service.open()
            except Failure:
                self._guard.release()
                raise
            self._serving = True
        threading.Thread(target=self._watch, args=(self._ended,), name="knd-kubelet-probe", daemon=True).start()

    def register(self) -> None:
        """Show the registrar's socket: the kubelet comes within a second or so. Needs ``serve`` first."""
        with self._lock:
            if not self._serving:
                raise Failure(Code.INTERNAL, self.paths.registrar, "the DRA service is not up yet")
            if not self._offered:
                self._registration.open()
                self._offered = True

    def stop(self) -> None:
        """Deregister, finish what runs (at most ``GRACE``), leave no socket behind."""
        with self._lock:
            if not self._serving:
                return
            self._serving = self._offered = False
            self._ended.set()
            end = time.monotonic() + GRACE
            registration = self._registration.close(GRACE / 4)
            service = self._service.close(GRACE)
            self._registrar.gone()
            for stopped in (registration, service):
                stopped.wait(max(0.1, end - time.monotonic() + 0.3))
            self._guard.release()

    def probe(self) -> None:
        """Look at both sockets once and make again what is missing; called from time to time while serving."""
        with self._lock:
            if self._serving:
                self._repair(self._service)
            if self._offered:
                self._repair(self._registration)

    def _repair(self, endpoint: Endpoint) -> None:
        if endpoint.present():
            return
        if not endpoint.missing():
            log.error("another socket lies at %s: the kubelet asks somebody else", endpoint.path)
            return
        log.warning("the socket %s was removed: it is made again", endpoint.path)
        if endpoint is self._registration:
            self._registrar.gone()
        endpoint.close(GRACE)
        endpoint.open()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(self._probe_interval):
            try:
                self.probe()
            except Failure as failure:
                log.error("%s", failure)
