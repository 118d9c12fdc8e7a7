"""The sandboxes that live now: the runtime's list, kept right by the events since.

A reconcile takes devices away from sandboxes that are not in the list, so a list that has grown old would take them from
a pod that started meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from ports.dataplane import Sandbox
from ports.inbound import Container, PodSandbox


def of(sandbox: PodSandbox, containers_started: bool = False) -> Sandbox:
    """The sandbox as the dataplane wants it."""
    return Sandbox(id=sandbox.id, pod_uid=sandbox.pod.uid, netns=sandbox.netns, containers_started=containers_started)


class Live:
    """Sandboxes by id. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sandboxes: dict[str, Sandbox] = {}

    def replace(self, sandboxes: Iterable[PodSandbox], containers: Iterable[Container]) -> None:
        """Start anew from the runtime's full list."""
        started = {container.sandbox_id for container in containers if container.running}
        with self._lock:
            self._sandboxes = {each.id: of(each, each.id in started) for each in sandboxes}

    def add(self, sandbox: PodSandbox) -> None:
        """One more; one that is known keeps what is known of its containers."""
        with self._lock:
            self._sandboxes.setdefault(sandbox.id, of(sandbox))

    def started(self, sandbox: PodSandbox) -> None:
        """A container of it has been let through."""
        with self._lock:
            known = self._sandboxes.get(sandbox.id, of(sandbox))
            self._sandboxes[sandbox.id] = replace(known, containers_started=True)

    def ended(self, sandbox_id: str) -> None:
        """One less."""
        with self._lock:
            self._sandboxes.pop(sandbox_id, None)

    def all(self) -> tuple[Sandbox, ...]:
        """All of them."""
        with self._lock:
            return tuple(self._sandboxes.values())
