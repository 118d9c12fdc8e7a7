"""A container runtime's pods without containers: what a plugin sees of one, over NRI's real socket and protocol.

It is as unforgiving as the real ones where it matters, and as forgiving where that hurts: a plugin that is silent is
dropped and the pod runs without it; one lock serialises all of NRI on the node; after a restart no stop event comes for
pods from before (containerd 2.1.9, recorded).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.nri.frames import MAX_PAYLOAD
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.status import Refusal
from adapters.standin import cdi
from adapters.standin.flavours import CONTAINERD_2_1, Flavour
from adapters.standin.peer import Terms
from adapters.standin.plugins import Plugins
from adapters.standin.pods import Pod
from ports.inbound import Container, DeviceNode, PodSandbox
from ports.plan import PodRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """A pod sandbox that was run; with an ``error`` it has been taken down again."""

    sandbox: PodSandbox
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """A container with all that CDI and the plugins gave it; with an ``error`` it does not exist.

    ``devices`` come from plugins, ``files`` are the paths that CDI named, ``limits`` the kinds of rlimits that were set.
    """

    container: Container
    devices: tuple[DeviceNode, ...] = ()
    files: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
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
        terms = Terms(
            flavour=flavour,
            request_timeout=request_timeout,
            registration_timeout=registration_timeout,
            sync_limit=sync_limit,
            configure_first=configure_first,
        )
        self._path = Path(socket_path)
        self._flavour = flavour
        self._pods: dict[str, Pod] = {}
        self._plugins = Plugins(self._path, terms, self._everything)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The plugins that take part, as index-name, in the order in which they are asked."""
        return self._plugins.names()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Every plugin that was dropped so far, with the reason."""
        return self._plugins.dropped

    def start(self) -> None:
        """Listen for plugins."""
        self._plugins.start()

    def stop(self) -> None:
        """Close everything and remove the socket."""
        self._plugins.halt()
        self._path.unlink(missing_ok=True)

    def restart(self, away: float = 0.0) -> None:
        """Go down without a word, leave the dead socket file, and come back after ``away`` seconds with all pods."""
        self._plugins.halt()
        for pod in self._pods.values():
            pod.announced = False
        time.sleep(away)
        self._plugins.start()

    def wait_for_plugins(self, count: int = 1, timeout: float = 10.0) -> bool:
        """Wait until so many plugins are registered and synchronized."""
        return self._plugins.wait(count, timeout)

    def run_pod_sandbox(self, pod: PodRef, netns: str | None) -> Ran:
        """Run a sandbox in this network namespace, which is there already; None is the host's own."""
        record = Pod(id=uuid.uuid4().hex * 2, ref=pod, netns=netns, pid=os.getpid())
        sandbox = record.sandbox()
        with self._plugins.lock:
            self._pods[record.id] = record
            error = self._tell(nri.RUN_POD_SANDBOX, record)
            if error:
                self._down(record)
                self._gone(record)
        return Ran(sandbox=sandbox, error=f"NRI RunPodSandbox failed: {error}" if error else "")

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
        pod, devices = self._pods.get(sandbox.id), tuple(cdi_devices)
        if pod is None or not pod.pid:
            return Created(container=container, error=f"sandbox {sandbox.id} is not running")
        root = Path(cdi_root or "/var/run/cdi")
        try:
            given, files = cdi.environment(root, devices), cdi.nodes(root, devices)
        except cdi.Unresolvable as error:
            return Created(container=container, error=str(error))
        return replace(self._create(pod, replace(container, env=(*container.env, *given))), files=files)

    def stop_pod_sandbox(self, sandbox: PodSandbox) -> str:
        """Stop; the error that a plugin answered, which is only logged."""
        with self._plugins.lock:
            pod = self._pods.get(sandbox.id)
            return self._down(pod) if pod else ""

    def remove_pod_sandbox(self, sandbox: PodSandbox) -> str:
        """Remove, stopping it first where nobody did; the error that a plugin answered, which is only logged."""
        with self._plugins.lock:
            pod = self._pods.get(sandbox.id)
            if pod and pod.pid:
                self._down(pod)
            return self._gone(pod) if pod else ""

    def _create(self, pod: Pod, container: Container) -> Created:
        with self._plugins.lock:
            try:
                adjustments = self._plugins.adjust(pod.message(ended=False), pod.container_message(container))
            except Refusal as reason:
                return Created(container=container, error=f"failed to create container: {reason.text}")
            created = replace(container, env=(*container.env, *_variables(adjustments)))
            pod.containers.append(created)
            for event in (nri.POST_CREATE_CONTAINER, nri.START_CONTAINER, nri.POST_START_CONTAINER):
                self._tell(event, pod, created)
        limits = tuple(limit.type for adjustment in adjustments for limit in adjustment.rlimits)
        return Created(container=created, devices=_devices(adjustments), limits=limits)

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
        if not pod.announced:
            return ""
        ended = event == nri.REMOVE_POD_SANDBOX or not (pod.pid or self._flavour.netns_at_stop)
        about = None if container is None else pod.container_message(container)
        return self._plugins.tell(event, pod.message(ended=ended), about)

    def _everything(self) -> tuple[list[nri.PodSandbox], list[nri.Container]]:
        """The full list; a sandbox that has stopped is in it with its namespace's path, as recorded."""
        pods = list(self._pods.values())
        containers = [pod.container_message(container) for pod in pods for container in pod.containers]
        return [pod.message(ended=False) for pod in pods], containers


def _devices(adjustments: list[nri.ContainerAdjustment]) -> tuple[DeviceNode, ...]:
    return tuple(
        DeviceNode(
            path=node.path, type=node.type, major=node.major, minor=node.minor, mode=node.file_mode.value or 0o666
        )
        for adjustment in adjustments
        for node in adjustment.linux.devices
    )


def _variables(adjustments: list[nri.ContainerAdjustment]) -> tuple[str, ...]:
    return tuple(f"{pair.key}={pair.value}" for adjustment in adjustments for pair in adjustment.env)
