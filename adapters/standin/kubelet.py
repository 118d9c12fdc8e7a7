"""A stand-in kubelet: finds drivers in ``plugins_registry`` as the real one does, and prepares claims through them.

It reconciles the directory in a thread of its own: a new socket is asked GetInfo and told how its registration went, a
socket that vanished (or is another one of the same name) is deregistered, a failed registration is tried again with
growing pauses. Of several instances of one driver the most recently registered is used.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc

from adapters.standin import dra_client
from adapters.standin.dra_client import Plugin
from adapters.standin.health_client import HealthWatch
from ports.errors import Code, Failure
from ports.inbound import Prepared
from ports.plan import ClaimRef

log = logging.getLogger("knd.standin.kubelet")
FIRST_RETRY = 0.5
LAST_RETRY = 122.0


@dataclass(kw_only=True, slots=True)
class _Attempt:
    plugin: Plugin | None = None
    health: HealthWatch | None = None
    again_at: float = 0.0
    pause: float = FIRST_RETRY


class StandinKubelet:
    """``start`` it on a kubelet root directory; ``stop`` ends its thread. The directory's sockets are never touched."""

    def __init__(self, root: str, reconcile: float = 0.2, health_version: str = "v1.DRAResourceHealth") -> None:
        self._health_version = health_version
        self.registry = os.path.join(root, "plugins_registry")
        self._reconcile = reconcile
        self._attempts: dict[tuple[str, int, int], _Attempt] = {}
        self._order: list[Plugin] = []
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look at the registry."""
        os.makedirs(self.registry, exist_ok=True)
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="standin-kubelet", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more and forget everything, as a kubelet does that ends; ``start`` again is a restart."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for attempt in self._attempts.values():
            if attempt.health is not None:
                attempt.health.stop()
        with self._changed:
            self._attempts.clear()
            self._order.clear()
            self._changed.notify_all()

    def plugin(self, driver: str) -> Plugin | None:
        """The instance of this driver that the next call goes to, if one is registered."""
        with self._changed:
            return next((plugin for plugin in reversed(self._order) if plugin.driver == driver), None)

    def wait_registered(self, driver: str, timeout: float = 10.0) -> Plugin:
        """The driver's instance as soon as it is registered; DEADLINE when it is not in time."""
        with self._changed:
            self._changed.wait_for(lambda: self.plugin(driver) is not None, timeout)
            found = self.plugin(driver)
        if found is None:
            raise Failure(Code.DEADLINE, driver, f"did not register within {timeout:g} s", f"look at {self.registry}")
        return found

    def wait_deregistered(self, driver: str, timeout: float = 10.0) -> None:
        """Return as soon as no instance of the driver is registered; DEADLINE when one still is."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.plugin(driver) is None, timeout):
                raise Failure(Code.DEADLINE, driver, f"still registered after {timeout:g} s")

    def prepare(self, driver: str, claims: tuple[ClaimRef, ...], timeout: float = 45.0) -> tuple[Prepared, ...]:
        """Prepare a pod's claims; what would fail the pod is a Failure in the words of the pod's event."""
        return dra_client.prepare(self._registered(driver), claims, timeout)

    def unprepare(self, driver: str, claims: tuple[ClaimRef, ...], timeout: float = 45.0) -> tuple[Prepared, ...]:
        """Take a pod's claims back."""
        return dra_client.unprepare(self._registered(driver), claims, timeout)

    def health(self, driver: str) -> HealthWatch:
        """The health stream of the driver's instance that is used."""
        plugin = self._registered(driver)
        with self._changed:
            found = (attempt.health for attempt in self._attempts.values() if attempt.plugin is plugin)
            watch = next(found, None)
        if watch is None:
            raise Failure(Code.UNAVAILABLE, driver, "has no health stream")
        return watch

    def _registered(self, driver: str) -> Plugin:
        plugin = self.plugin(driver)
        if plugin is None:
            raise Failure(Code.UNAVAILABLE, "", f"DRA driver {driver} is not registered")
        return plugin

    def _run(self) -> None:
        while not self._ended.is_set():
            self._look()
            self._ended.wait(self._reconcile)

    def _look(self) -> None:
        found = dict(_sockets(self.registry))
        for key in [key for key in self._attempts if key not in found]:
            self._forget(key)
        for key, path in found.items():
            attempt = self._attempts.setdefault(key, _Attempt())
            if attempt.plugin is None and time.monotonic() >= attempt.again_at:
                self._register(path, attempt)

    def _forget(self, key: tuple[str, int, int]) -> None:
        attempt = self._attempts.pop(key)
        plugin = attempt.plugin
        if attempt.health is not None:
            attempt.health.stop()
        if plugin is not None:
            log.info("%s is deregistered", plugin.driver)
            with self._changed:
                self._order.remove(plugin)
                self._changed.notify_all()

    def _register(self, path: str, attempt: _Attempt) -> None:
        try:
            attempt.plugin = self._try(path)
        except (grpc.RpcError, Failure) as error:
            log.warning("%s is not registered: %s", path, error)
            attempt.again_at = time.monotonic() + attempt.pause
            attempt.pause = min(attempt.pause * 2, LAST_RETRY)
            return
        attempt.health = HealthWatch(attempt.plugin, self._health_version)
        with self._changed:
            self._order.append(attempt.plugin)
            self._changed.notify_all()

    def _try(self, path: str) -> Plugin:
        info = dra_client.get_info(path)
        try:
            plugin = dra_client.plugin_of(info)
        except Failure as failure:
            dra_client.notify(path, failure.detail)
            raise
        dra_client.notify(path, "")
        return plugin


def _sockets(directory: str) -> Iterator[tuple[tuple[str, int, int], str]]:
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for name in sorted(names):
            path = os.path.join(parent, name)
            try:
                found = os.stat(path)
            except OSError:
                continue
            if not name.startswith(".") and stat.S_ISSOCK(found.st_mode):
                yield (path, found.st_ino, found.st_mtime_ns), path
