"""What the kubelet would ask of the runtime: a small client of the Container Runtime Interface."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import grpc
from google.protobuf.message import Message

from tests.runtime import image
from tests.runtime.pb import cri_pb2 as pb

STARTING = "server is not initialized yet"  # containerd serves other APIs a moment before this one
SECONDS = 30.0
Answer = TypeVar("Answer", bound=Message)


class Refused(Exception):
    """The runtime's error, with its own words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A pod as the kubelet describes it to the runtime; ``attempt`` counts the sandboxes of one pod."""

    uid: str
    name: str
    namespace: str = "default"
    attempt: int = 0
    host_network: bool = False
    cgroup_parent: str = ""
    annotations: dict[str, str] = field(default_factory=dict)

    def namespaces(self) -> pb.NamespaceOption:
        """Which namespaces the pod's containers share, as the kubelet sets them by default."""
        return pb.NamespaceOption(network=pb.NODE if self.host_network else pb.POD, pid=pb.CONTAINER)

    def config(self) -> pb.PodSandboxConfig:
        """The sandbox's configuration."""
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(
                name=self.name, uid=self.uid, namespace=self.namespace, attempt=self.attempt
            ),
            hostname="" if self.host_network else self.name,
            labels={
                "io.kubernetes.pod.name": self.name,
                "io.kubernetes.pod.namespace": self.namespace,
                "io.kubernetes.pod.uid": self.uid,
            },
            annotations=self.annotations,
            linux=pb.LinuxPodSandboxConfig(
                cgroup_parent=self.cgroup_parent,
                security_context=pb.LinuxSandboxSecurityContext(namespace_options=self.namespaces()),
            ),
        )


class Runtime:
    """Calls to one runtime. Each raises ``Refused`` with the runtime's text when it refuses."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix:{socket}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def version(self) -> tuple[str, str]:
        """The runtime's name and version."""
        answer = self._call("Version", pb.VersionRequest(), pb.VersionResponse)
        return answer.runtime_name, answer.runtime_version

    def conditions(self) -> dict[str, bool]:
        """The conditions that the kubelet looks at, RuntimeReady and NetworkReady."""
        answer = self._call("Status", pb.StatusRequest(), pb.StatusResponse)
        return {condition.type: condition.status for condition in answer.status.conditions}

    def run(self, pod: Pod) -> str:
        """RunPodSandbox; the sandbox's id."""
        request = pb.RunPodSandboxRequest(config=pod.config())
        return self._call("RunPodSandbox", request, pb.RunPodSandboxResponse).pod_sandbox_id

    def stop(self, sandbox: str) -> None:
        """StopPodSandbox."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox)
        self._call("StopPodSandbox", request, pb.StopPodSandboxResponse)

    def remove(self, sandbox: str) -> None:
        """RemovePodSandbox."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox)
        self._call("RemovePodSandbox", request, pb.RemovePodSandboxResponse)

    def sandboxes(self) -> dict[str, bool]:
        """All sandboxes, each with whether it is ready."""
        answer = self._call("ListPodSandbox", pb.ListPodSandboxRequest(), pb.ListPodSandboxResponse)
        return {item.id: item.state == pb.SANDBOX_READY for item in answer.items}

    def netns(self, sandbox: str) -> str:
        """The path of the sandbox's network namespace, empty for the host's."""
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox, verbose=True)
        answer = self._call("PodSandboxStatus", request, pb.PodSandboxStatusResponse)
        namespaces = json.loads(answer.info["info"])["runtimeSpec"]["linux"]["namespaces"]
        return next((str(entry.get("path", "")) for entry in namespaces if entry["type"] == "network"), "")

    def create(self, sandbox: str, pod: Pod, name: str = "main", *, cdi: tuple[str, ...] = ()) -> str:
        """CreateContainer with a process that sleeps; the container's id. ``cdi`` as the DRA driver named them."""
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name),
            image=pb.ImageSpec(image=image.NAME),
            command=list(image.FOREVER),
            labels={"io.kubernetes.container.name": name},
            linux=pb.LinuxContainerConfig(
                security_context=pb.LinuxContainerSecurityContext(namespace_options=pod.namespaces())
            ),
            CDI_devices=[pb.CDIDevice(name=device) for device in cdi],
        )
        request = pb.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=pod.config())
        return self._call("CreateContainer", request, pb.CreateContainerResponse).container_id

    def start(self, container: str) -> None:
        """StartContainer."""
        self._call("StartContainer", pb.StartContainerRequest(container_id=container), pb.StartContainerResponse)

    def output(self, container: str, *command: str) -> str:
        """What a command prints in the container; an AssertionError when it fails."""
        request = pb.ExecSyncRequest(container_id=container, cmd=command, timeout=int(SECONDS))
        answer = self._call("ExecSync", request, pb.ExecSyncResponse)
        assert answer.exit_code == 0, f"{command} failed: {answer.stderr.decode()}"
        return answer.stdout.decode()

    def _call(self, method: str, request: Message, kind: type[Answer]) -> Answer:
        call = cast(
            Callable[..., Any],
            self._channel.unary_unary(
                f"/runtime.v1.RuntimeService/{method}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=kind.FromString,
            ),
        )
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return cast(Answer, call(request, timeout=SECONDS, wait_for_ready=True))
            except grpc.RpcError as error:
                if STARTING not in str(error.details()) or time.monotonic() > deadline:
                    raise Refused(str(error.details())) from error
            time.sleep(0.1)
