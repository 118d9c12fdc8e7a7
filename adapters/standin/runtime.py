"""A container runtime's pods without containers: what a plugin sees of one, over NRI's real socket and protocol.

It is as unforgiving as the real ones where it matters, and as forgiving where that hurts: a plugin that is silent is
dropped and the pod runs without it; one lock serialises all of NRI on the node; after a restart no stop event comes for
pods from before (containerd 2.1.9, recorded).
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.nri.frames import MAX_PAYLOAD
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.status import Refusal
from adapters.standin import cdi
from adapters.standin.flavours import CONTAINERD_2_1, Flavour
from adapters.standin.peer import Dropped, Peer, Terms
from adapters.standin.pods import Pod
from ports.inbound import Container, DeviceNode, PodSandbox
from ports.plan import PodRef

log = logging.getLogger("knd.standin.runtime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """A pod sandbox that was run; with an ``error`` it has been taken down again."""

    sandbox: PodSandbox
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """A container with all that CDI and the plugins gave it; with an ``error`` it does not exist."""

    container: Container
    devices: tuple[DeviceNode, ...] = ()
    error: str = ""


class Runtime:
    """The stand-in. Its methods are those of CRI by name, and return when the runtime would."""

    def __init__(
        self,
        socket_path: str,
        *,
        flavour: Flavour = CONTAINERD_2_1,
        request_timeout: float = 2.0,
        registration_timeout: float = 5.0,
        sync_limit: int = MAX_PAYLOAD,
        configure_first: bool = False,
    ) -> None:
        self._path = Path(socket_path)
        self._flavour = flavour
        self._terms = Terms(
            flavour=flavour,
            request_timeout=request_timeout,
            registration_timeout=registration_timeout,
            sync_limit=sync_limit,
            configure_first=configure_first,
        )
        self._lock = threading.RLock()  # NRI's one lock: every request of every pod, and Synchronize
        self._changed = threading.Condition(self._lock)
        self._pods: dict[str, Pod] = {}
        self._peers: list[Peer] = []
        self._connections: list[Peer] = []
        self._dropped: list[str] = []
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def plugins(self) -> tuple[str, ...]:
        """The plugins that take part, as index-name, in the order in which they are asked."""
        with self._lock:
            return tuple(f"{peer.index}-{peer.name}" for peer in self._living())

    @property
    def dropped(self) -> tuple[str, ...]:
        """Every plugin that was dropped so far, with the reason."""
        with self._lock:
            return tuple(self._dropped)

    def start(self) -> None:
        """Listen; a socket left over by another run is replaced, as runtimes do."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), name="standin-nri", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything and remove the socket."""
        self._halt()
        self._path.unlink(missing_ok=True)

    def restart(self, away: float = 0.0) -> None:
        """Go down without a word, leave the dead socket file, and come back after ``away`` seconds with all pods."""
        self._halt()
        for pod in self._pods.values():
            pod.announced = False
        time.sleep(away)
        self.start()

    def wait_for_plugins(self, count: int = 1, timeout: float = 10.0) -> bool:
        """Wait until so many plugins are registered and synchronized."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._living()) >= count, timeout)

    def run_pod_sandbox(self, pod: PodRef, netns: str | None) -> Ran:
        """Run a sandbox in this network namespace, which is there already; None is the host's own."""
        record = Pod(id=uuid.uuid4().hex * 2, ref=pod, netns=netns, pid=os.getpid())
        with self._lock:
            self._pods[record.id] = record
            error = self._tell(nri.RUN_POD_SANDBOX, record)
            if error:
                self._down(record)
                self._gone(record)
        return Ran(sandbox=record.sandbox(), error=f"NRI RunPodSandbox failed: {error}" if error else "")

    def create_container(
        self,
        sandbox: PodSandbox,
        name: str,
        env: Iterable[str] = (),
        cdi_devices: Iterable[str] = (),
        cdi_root: str | Path | None = None,
    ) -> Created:
        """Create and start a container. CDI devices are resolved before the plugins see it, as containerd does."""
        container = Container(id=uuid.uuid4().hex * 2, sandbox_id=sandbox.id, name=name, running=True, env=tuple(env))
        devices = tuple(cdi_devices)
        try:
            given = cdi.environment(Path(cdi_root or "/var/run/cdi"), devices) if devices else ()
        except cdi.Unresolvable as error:
            return Created(container=container, error=str(error))
        pod = self._pods.get(sandbox.id)
        if pod is None or not pod.pid:
            return Created(container=container, error=f"sandbox {sandbox.id} is not running")
        return self._create(pod, container, (*container.env, *given))

    def stop_pod_sandbox(self, sandbox: PodSandbox) -> str:
        """Stop; the error that a plugin answered, which is only logged."""
        with self._lock:
            pod = self._pods.get(sandbox.id)
            return self._down(pod) if pod else ""

    def remove_pod_sandbox(self, sandbox: PodSandbox) -> str:
        """Remove, stopping it first where nobody did; the error that a plugin answered, which is only logged."""
        with self._lock:
            pod = self._pods.get(sandbox.id)
            if pod and pod.pid:
                self._down(pod)
            return self._gone(pod) if pod else ""

    def _create(self, pod: Pod, container: Container, env: tuple[str, ...]) -> Created:
        message = pod.container_message(container, env)
        with self._lock:
            try:
                adjustments = [self._ask(peer, pod, message) for peer in self._living()]
            except Refusal as reason:
                return Created(container=container, error=f"failed to create container: {reason.text}")
            nodes, added = _combined(adjustments)
            created = Container(
                id=container.id, sandbox_id=container.sandbox_id, name=container.name, running=True, env=(*env, *added)
            )
            pod.containers.append(created)
            for event in (nri.POST_CREATE_CONTAINER, nri.START_CONTAINER, nri.POST_START_CONTAINER):
                self._tell(event, pod, created)
        return Created(container=created, devices=nodes)

    def _ask(self, peer: Peer, pod: Pod, message: nri.Container) -> nri.ContainerAdjustment:
        try:
            return peer.create_container(pod.message(ended=False), message)
        except Dropped as dropped:
            self._lose(peer, dropped)
            return nri.ContainerAdjustment()

    def _down(self, pod: Pod) -> str:
        for container in pod.containers:
            self._tell(nri.STOP_CONTAINER, pod, container)
        pod.pid = 0
        return self._tell(nri.STOP_POD_SANDBOX, pod)

    def _gone(self, pod: Pod) -> str:
        for container in pod.containers:
            self._tell(nri.REMOVE_CONTAINER, pod, container)
        pod.containers.clear()
        del self._pods[pod.id]
        return self._tell(nri.REMOVE_POD_SANDBOX, pod)

    def _tell(self, event: nri.Event, pod: Pod, container: Container | None = None) -> str:
        """Tell every plugin in order; the first error ends it. A plugin that is gone or silent counts as content."""
        if not pod.announced:
            return ""
        without = event == nri.REMOVE_POD_SANDBOX or not (pod.pid or self._flavour.netns_at_stop)
        message = pod.message(ended=without)
        about = None if container is None else pod.container_message(container, container.env)
        for peer in self._living():
            try:
                peer.deliver(event, message, about)
            except Refusal as reason:
                log.error("%s of %s: %s", nri.Event.Name(event), pod.ref, reason)
                return reason.text
            except Dropped as dropped:
                self._lose(peer, dropped)
        return ""

    def _accept(self, listener: socket.socket) -> None:
        """One plugin after the other: a silent one keeps all others waiting, as in the real runtimes."""
        while True:
            try:
                sock = listener.accept()[0]
            except OSError:
                return
            peer = Peer(sock, self._terms)
            with self._changed:
                if self._listener is not listener:
                    sock.close()
                    return
                self._connections = [known for known in self._connections if not known.connection.why] + [peer]
            self._welcome(peer)

    def _welcome(self, peer: Peer) -> None:
        try:
            if not peer.register():
                return
            with self._changed:
                if peer.synchronize(*self._everything()):
                    self._peers = sorted([*self._living(), peer], key=lambda known: known.index)
                    self._changed.notify_all()
        except Dropped as dropped:
            self._lose(peer, dropped)

    def _everything(self) -> tuple[list[nri.PodSandbox], list[nri.Container]]:
        pods = list(self._pods.values())
        containers = [pod.container_message(container, container.env) for pod in pods for container in pod.containers]
        return [pod.message(ended=False) for pod in pods], containers

    def _living(self) -> list[Peer]:
        self._peers = [peer for peer in self._peers if not peer.connection.why]
        return self._peers

    def _lose(self, peer: Peer, why: Dropped) -> None:
        log.error("plugin dropped: %s", why)
        with self._changed:
            self._dropped.append(str(why))
            self._peers = [known for known in self._peers if known is not peer]
            self._changed.notify_all()

    def _halt(self) -> None:
        with self._changed:
            listener, self._listener = self._listener, None
        if listener is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close would not
        listener.close()
        for peer in self._connections:
            peer.connection.close("the runtime stops")
        self._thread.join()


def _combined(adjustments: list[nri.ContainerAdjustment]) -> tuple[tuple[DeviceNode, ...], tuple[str, ...]]:
    devices = tuple(
        DeviceNode(path=node.path, type=node.type, major=node.major, minor=node.minor)
        for adjustment in adjustments
        for node in adjustment.linux.devices
    )
    return devices, tuple(f"{pair.key}={pair.value}" for adjustment in adjustments for pair in adjustment.env)
