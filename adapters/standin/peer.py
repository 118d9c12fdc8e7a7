"""The runtime's end of one NRI connection, as strict as the Go implementation where a plugin could get it wrong."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from adapters.nri import frames, mux, names, rpc
from adapters.nri.connection import Connection
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.status import Closed, Refusal, Silence, Status
from adapters.standin.flavours import Flavour

log = logging.getLogger("knd.standin.runtime")

T = TypeVar("T")

PLUGIN_NAME = re.compile(r"[A-Za-z0-9_.+-]+")
POLL = 0.02  # seconds between looks at whether a plugin that has not registered yet is still there
PART_SHARE = 0.9  # of the message limit that a part of a split Synchronize fills at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the runtime grants its plugins. Timeouts in seconds, ``sync_limit`` in bytes a Synchronize message."""

    flavour: Flavour
    request_timeout: float = 2.0
    registration_timeout: float = 5.0
    sync_limit: int = frames.MAX_PAYLOAD
    configure_first: bool = False


class Dropped(Exception):
    """The plugin broke a rule, or is gone; the runtime goes on without it."""


class Peer:
    """One plugin."""

    def __init__(self, sock: socket.socket, terms: Terms) -> None:
        self._terms = terms
        self._settled = threading.Event()
        self._configured = threading.Event()
        self._old = False
        self._deaf: set[int] = set()
        self._mask = 0
        self.name = ""
        self.index = ""
        self.connection = Connection(
            sock,
            serves=names.RUNTIME_CHANNEL,
            calls=names.PLUGIN_CHANNEL,
            methods={(names.RUNTIME_SERVICE, "RegisterPlugin"): self._register},
            label="standin-nri",
            admit=self._admit,
        )

    def register(self) -> bool:
        """Wait for the registration and configure the plugin; whether it takes part. ``Dropped``: it was closed."""
        self.connection.start()
        until = time.monotonic() + self._terms.registration_timeout
        while not self._settled.wait(POLL):
            if self.connection.why or time.monotonic() > until:
                raise self.drop("no registration")
        if self.name:
            self._configure()
        return bool(self.name)  # one that was refused keeps its open socket, as with Go

    def deliver(self, event: nri.Event, pod: nri.PodSandbox, container: nri.Container | None) -> None:
        """Tell an event. ``Refusal`` is the plugin's answer."""
        if not self._mask & names.mask(event):
            return
        if event == nri.STOP_CONTAINER:
            self._call("StopContainer", nri.ContainerRequest(pod=pod, container=container).SerializeToString())
        elif self._terms.flavour.dedicated and not self._old:
            self._dedicated(event, pod, container)
        else:
            self._state_change(event, pod, container)

    def create_container(self, pod: nri.PodSandbox, container: nri.Container) -> nri.ContainerAdjustment:
        """Ask for adjustments. ``Refusal`` is the plugin's answer."""
        if not self._mask & names.mask(nri.CREATE_CONTAINER):
            return nri.ContainerAdjustment()
        request = nri.CreateContainerRequest(pod=pod, container=container)
        answer = self._call("CreateContainer", request.SerializeToString())
        return rpc.decode(nri.CreateContainerResponse, answer).adjust

    def drop(self, why: str) -> Dropped:
        """Close; the exception to raise."""
        self.connection.close(why)
        return Dropped(f"{self.index}-{self.name}: {why}")

    def _register(self, call: rpc.Call) -> bytes:
        request = rpc.decode(nri.RegisterPluginRequest, call.payload)
        try:
            self._check(request.plugin_name, request.plugin_idx)
        except Refusal:
            self._settled.set()
            raise
        self.name, self.index = request.plugin_name, request.plugin_idx
        self._settled.set()
        if self._terms.configure_first:
            self._configured.wait(self._terms.request_timeout)
        return b""

    def _check(self, name: str, index: str) -> None:
        if not name:
            raise Refusal(Status.UNKNOWN, "invalid (empty) plugin name")
        if self._terms.flavour.strict_names and not PLUGIN_NAME.fullmatch(name):
            raise Refusal(Status.UNKNOWN, f"invalid plugin name {name!r}")
        if not re.fullmatch(r"[0-9]{2}", index):
            raise Refusal(Status.UNKNOWN, f'invalid plugin index: invalid plugin index "{index}", must be 2 digits')

    def _configure(self) -> None:
        terms, flavour = self._terms, self._terms.flavour
        request = nri.ConfigureRequest(runtime_name=flavour.name, runtime_version=flavour.version)
        if flavour.modern_synchronize:
            request.registration_timeout = int(terms.registration_timeout * 1000)
            request.request_timeout = int(terms.request_timeout * 1000)
        try:
            answer = rpc.decode(nri.ConfigureResponse, self._call("Configure", request.SerializeToString()))
        except Refusal as reason:
            raise self.drop(f"failed to configure plugin: {reason}") from reason
        self._configured.set()
        if answer.events & ~flavour.valid_events:
            raise self.drop(f"invalid plugin events {answer.events:#x}")
        self._mask = answer.events or flavour.valid_events

    def synchronize(self, pods: Sequence[nri.PodSandbox], containers: Sequence[nri.Container]) -> bool:
        """Send the full list; whether the plugin took it. ``Dropped``: it was closed."""
        until = time.monotonic() + self._terms.request_timeout
        try:
            for part in self._parts(pods, containers):
                left = max(0.001, until - time.monotonic())
                body = self._call("Synchronize", part.SerializeToString(), left)
                self._check_part(part, rpc.decode(nri.SynchronizeResponse, body))
        except Refusal as reason:
            if self._terms.flavour.modern_synchronize:
                raise self.drop(f"failed to synchronize plugin: {reason}") from reason
            return False  # before NRI 0.7 such a connection stays open, without events
        return True

    def _check_part(self, part: nri.SynchronizeRequest, answer: nri.SynchronizeResponse) -> None:
        if part.more and not answer.more:
            raise self.drop("plugin does not handle split sync requests")
        if part.more and answer.update:
            raise self.drop("plugin sent updates in answer to a partial sync request")

    def _parts(
        self, pods: Sequence[nri.PodSandbox], containers: Sequence[nri.Container]
    ) -> list[nri.SynchronizeRequest]:
        whole = nri.SynchronizeRequest(pods=pods, containers=containers)
        room = self._terms.sync_limit * PART_SHARE
        count = 1 if whole.ByteSize() <= self._terms.sync_limit else int(whole.ByteSize() / room) + 1
        if count > 1 and not self._terms.flavour.modern_synchronize:
            raise self.drop("message too large to synchronize")
        return [
            nri.SynchronizeRequest(
                pods=_share(pods, part, count), containers=_share(containers, part, count), more=part < count - 1
            )
            for part in range(count)
        ]

    def _dedicated(self, event: nri.Event, pod: nri.PodSandbox, container: nri.Container | None) -> None:
        request = nri.ContainerRequest(pod=pod, container=container)
        try:
            self._call(names.DEDICATED[event], request.SerializeToString())
        except Refusal as reason:
            if reason.code != Status.UNIMPLEMENTED:
                raise
            self._old = True
            self._state_change(event, pod, container)

    def _state_change(self, event: nri.Event, pod: nri.PodSandbox, container: nri.Container | None) -> None:
        change = nri.StateChangeEvent(event=event, pod=pod, container=container)
        self._call("StateChange", change.SerializeToString())

    def _call(self, method: str, payload: bytes, timeout: float | None = None) -> bytes:
        """A call that costs the plugin its connection when it is not answered, as a runtime does it."""
        limit = self._terms.request_timeout if timeout is None else timeout
        try:
            return self.connection.call(names.PLUGIN_SERVICE, method, payload, limit)
        except Silence as silence:
            raise self.drop(str(silence)) from silence
        except Closed as closed:
            raise self.drop(f"connection lost in {method}: {closed}") from closed

    def _admit(self, piece: mux.Piece, missing: int) -> bool:
        """Go's buffered reader: a frame must fit the rest of the message, or 4096 bytes where that is less."""
        if piece.channel not in self._deaf and len(piece.payload) > max(mux.FIRST, missing):
            log.error("read of channel %d failed: cannot allocate memory", piece.channel)
            self._deaf.add(piece.channel)
        return piece.channel not in self._deaf


def _share(items: Sequence[T], part: int, count: int) -> Sequence[T]:
    return items[part * len(items) // count : (part + 1) * len(items) // count]
