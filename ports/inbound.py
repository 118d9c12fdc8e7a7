"""What the outside asks of us: the kubelet through DRA, the container runtime through NRI; as values.

The protocol adapters turn wire messages into these and call the services that implement the Protocols below. Deadlines
are absolute, in seconds of CLOCK_MONOTONIC, taken when the request was received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ports.devices import DeviceNode
from ports.plan import ClaimRef, PodRef

__all__ = [
    "Adjustment",
    "Container",
    "DeviceNode",
    "PodSandbox",
    "Prepared",
    "PreparedDevice",
    "ResourceHooks",
    "RuntimeHooks",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedDevice:
    """One device of a claim as the kubelet wants it. ``request`` is the base name, without the subrequest."""

    request: str
    pool: str
    device: str
    cdi_device_ids: tuple[str, ...] = ()
    share_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The answer for one claim: devices, or an error text that the user reads in the pod's events."""

    claim: ClaimRef
    devices: tuple[PreparedDevice, ...] = ()
    error: str = ""


class ResourceHooks(Protocol):
    """The kubelet's calls. Never raise: each claim has its own answer."""

    def prepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        """Make the claims ready; one answer a claim, in their order."""
        ...

    def unprepare(self, claims: tuple[ClaimRef, ...], deadline: float) -> tuple[Prepared, ...]:
        """Take the claims back; one answer a claim. An unknown claim is a success."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PodSandbox:
    """A pod sandbox as the runtime describes it. ``netns`` is None for host-network pods and for ended ones; ``pid`` 0 too."""

    id: str
    pod: PodRef
    netns: str | None
    pid: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """A container as the runtime describes it before it is created, or in Synchronize. ``env`` holds K=V texts."""

    id: str
    sandbox_id: str
    name: str
    running: bool = False
    env: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjustment:
    """What a container gets from us. ``locked_memory`` lifts RLIMIT_MEMLOCK, which RDMA needs to register memory.

    ``unified`` holds what is written into the files of its cgroup (v2), by their names; with several lines, one by one.
    """

    devices: tuple[DeviceNode, ...] = ()
    locked_memory: bool = False
    unified: Mapping[str, str] = field(default_factory=dict)


class RuntimeHooks(Protocol):
    """The runtime's calls. A ``Failure`` is answered as an error; anything slower than the deadline as well."""

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """The sandbox has its namespace: attach. Must not raise for an attach that failed (see the ADR on the gate)."""
        ...

    def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
        """The gate: a Failure refuses the container, and its text is what the kubelet shows."""
        ...

    def stop_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """The sandbox ends: bring its devices back. Must not raise."""
        ...

    def remove_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """The sandbox is gone: bring back what a missed stop left. Must not raise."""
        ...

    def synchronize(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...]) -> None:
        """The runtime's full list after each (re)connect. Returns at once; the work is done afterwards."""
        ...
