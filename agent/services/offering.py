"""When the kubelet may find us: not before the container runtime is connected, and never again hidden after that.

Once offered, this driver stays offered while the runtime is away, because the kubelet deletes the node's slices of a
driver that is gone; Prepare waits for the runtime instead.
"""

from __future__ import annotations

import logging
from typing import Protocol
from uuid import uuid4

from agent.services.bell import Bell
from ports.clock import Clock
from ports.dataplane import Call, Preparing
from ports.errors import Failure
from ports.frontends import RequestCount, RuntimeLink

log = logging.getLogger("knd.offering")
PAUSE = 0.5  # seconds between two looks at the runtime
PATIENCE = 0.5  # seconds that a peer has to answer


class Plugin(Protocol):
    """What is offered to the kubelet."""

    @property
    def registered(self) -> bool:
        """Whether the kubelet has taken the offer."""
        ...

    @property
    def error(self) -> str:
        """Why the kubelet refused it."""
        ...

    def register(self) -> None:
        """Offer it."""
        ...


class Peers:
    """Whether the processes that Prepare needs are there, asked now."""

    def __init__(self, dataplane: Preparing, runtime: RuntimeLink, clock: Clock) -> None:
        self._dataplane = dataplane
        self._runtime = runtime
        self._clock = clock

    def runtime_problem(self) -> str:
        """Why the container runtime cannot be used; empty when it can."""
        try:
            state = self._runtime.state(self._call())
        except Failure as failure:
            return str(failure)
        return (
            "" if state.connected else f"the container runtime is not connected{state.detail and ': ' + state.detail}"
        )

    def requests(self) -> tuple[RequestCount, ...]:
        """What the container runtime has asked for; nothing while nobody tells."""
        try:
            return self._runtime.state(self._call()).requests
        except Failure:
            return ()

    def dataplane_problem(self) -> str:
        """Why the dataplane cannot be used; empty when it can."""
        try:
            self._dataplane.inspect((), self._call())
        except Failure as failure:
            return str(failure)
        return ""

    def _call(self) -> Call:
        return Call(key=uuid4().hex, deadline=self._clock.monotonic() + PATIENCE)


class Offering:
    """The loop that offers the plugin as soon as it may be found."""

    def __init__(self, plugin: Plugin, peers: Peers) -> None:
        self._plugin = plugin
        self._peers = peers
        self._bell = Bell()
        self._waiting = "not offered to the kubelet yet"

    def problem(self) -> str:
        """Why the kubelet does not use us; empty when it does."""
        if self._plugin.registered:
            return ""
        return self._plugin.error or self._waiting

    def run(self) -> None:
        """Wait for the runtime, then offer."""
        told = ""
        while not self._bell.closed:
            problem = self._peers.runtime_problem() or self._offered()
            if not problem:
                self._waiting = "offered to the kubelet, which has not come yet"
                log.info("offered to the kubelet")
                return
            self._waiting = f"not offered to the kubelet: {problem}"
            if problem != told:
                log.info("%s", self._waiting)
                told = problem
            self._bell.pause(PAUSE)

    def stop(self) -> None:
        """Offer nothing any more."""
        self._bell.close()

    def _offered(self) -> str:
        try:
            self._plugin.register()
        except Failure as failure:
            return str(failure)
        return ""
