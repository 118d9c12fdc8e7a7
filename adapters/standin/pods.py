"""The pods of the stand-in runtime, and how they look in NRI's messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.nri.pb import nri_pb2 as nri
from ports.inbound import Container, PodSandbox
from ports.plan import PodRef

NAMESPACES = ("pid", "ipc", "uts", "mount")


@dataclass(kw_only=True, slots=True)
class Pod:
    """One sandbox. ``pid`` is 0 once it has stopped; ``announced`` is False for those from before a restart."""

    id: str
    ref: PodRef
    netns: str | None
    pid: int
    announced: bool = True
    containers: list[Container] = field(default_factory=list)

    def sandbox(self) -> PodSandbox:
        """The sandbox as a value."""
        return PodSandbox(id=self.id, pod=self.ref, netns=self.netns, pid=self.pid)

    def message(self, *, ended: bool) -> nri.PodSandbox:
        """The sandbox as plugins see it; when ``ended``, without its namespaces."""
        spaces = [nri.LinuxNamespace(type=kind) for kind in NAMESPACES]
        if self.netns:
            spaces.append(nri.LinuxNamespace(type="network", path=self.netns))
        return nri.PodSandbox(
            id=self.id,
            name=self.ref.name,
            uid=self.ref.uid,
            namespace=self.ref.namespace,
            pid=self.pid,
            linux=nri.LinuxPodSandbox(namespaces=[] if ended else spaces),
        )

    def container_message(self, container: Container) -> nri.Container:
        """A container as plugins see it."""
        running = bool(self.pid) and container in self.containers
        return nri.Container(
            id=container.id,
            pod_sandbox_id=self.id,
            name=container.name,
            state=nri.CONTAINER_RUNNING if running else nri.CONTAINER_CREATED,
            env=container.env,
        )
